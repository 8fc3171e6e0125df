// One verdict a line for one cell a line of standard input, by the npm package id-validator with its
// list of regions: 1 accepted, 0 refused, or the name of the exception. Asked by id_validators.py.
const Validator = require("id-validator");
const regions = require("id-validator/src/GB2260.js");

const cells = require("fs").readFileSync(0, "utf8").split("\n");
cells.pop(); // what follows the last line break
let validator;
const verdicts = cells.map((cell, index) => {
  // It remembers every cell it was given; a new one now and then forgets them.
  if (index % 10000 === 0) validator = new Validator(regions);
  try {
    return validator.isValid(cell) ? "1" : "0";
  } catch (error) {
    return error.name;
  }
});
process.stdout.write(verdicts.join("\n") + "\n");
