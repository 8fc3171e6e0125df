// Reads one cell per line from standard input and writes one verdict per line, by the npm package
// id-validator with its list of regions: 1 accepted, 0 refused, or the name of the exception.
// Called by id_validators.py.
const Validator = require("id-validator");
const regions = require("id-validator/src/GB2260.js");

const cells = require("fs").readFileSync(0, "utf8").split("\n");
cells.pop(); // the empty text after the last line break
let validator;
const verdicts = cells.map((cell, index) => {
  // The validator keeps every cell in memory, so it is replaced now and then.
  if (index % 10000 === 0) validator = new Validator(regions);
  try {
    return validator.isValid(cell) ? "1" : "0";
  } catch (error) {
    return error.name;
  }
});
process.stdout.write(verdicts.join("\n") + "\n");
