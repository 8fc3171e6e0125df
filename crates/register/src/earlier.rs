//! A register as it was at an earlier head: what a round read of it, whatever was recorded
//! since.

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;

use crate::book::{Book, Lead};
use crate::chain::NO_PREVIOUS;
use crate::event::Event;
use crate::items::Subject;
use crate::register::Register;

impl Register {
    /// Returns the persons, leads and events up to an earlier head: `events` is their number,
    /// `last` the digest of the last of them, hexadecimal.
    ///
    /// # Errors
    /// If the register has fewer events, or another one at this place.
    pub fn book_at(&self, events: u64, last: &str) -> Result<Book, Fault> {
        let book = self.book();
        let own = book.events().len() as u64;
        if events > own {
            let missing = events - own;
            return Err(Fault::of_file(
                self.path(),
                Text::new(
                    format!("登记簿比该轮次读取时旧：缺少当时的{missing}项"),
                    format!(
                        "the register is older than when the round read it: {missing} of the events of then are missing"
                    ),
                ),
                Text::new(
                    "请找回最新的登记簿或备份",
                    "find the newest register, or its backup",
                ),
            ));
        }
        let count = usize::try_from(events).unwrap_or(usize::MAX);
        let digest = match count.checked_sub(1) {
            None => NO_PREVIOUS,
            Some(at) => {
                let event = book.events().get(at);
                event.map_or("", |event| event.digest.as_str())
            }
        };
        if digest != last {
            return Err(Fault::of_file(
                self.path(),
                Text::new(
                    format!("登记簿的前{events}项与该轮次读取的不同：这不是当时的登记簿"),
                    format!(
                        "the first {events} events of the register are not those that the round read: it is not the register of then"
                    ),
                ),
                Text::new(
                    "请使用该轮次所读的登记簿；轮次文件 [register] 的 file 是否指向另一本",
                    "use the register that the round read; see whether `file` in [register] of the round file names another one",
                ),
            ));
        }
        book.first(count)
            .ok_or_else(|| crate::store::damaged(self.path()))
    }
}

impl Book {
    /// Returns the book of the first events; `None` if they do not fit each other, which the
    /// reading of the register has excluded.
    fn first(&self, count: usize) -> Option<Book> {
        if count == self.events.len() {
            return Some(self.clone());
        }
        let mut book = Book::default();
        for event in self.events.iter().take(count) {
            if let (Some((Event::Found(found), _)), Some(Subject::Lead(number))) =
                (event.effective(), &event.subject)
            {
                // Whoever got another token since is found by it.
                if !book.persons.contains_key(&found.person) {
                    let token = self.persons.get(&found.person)?;
                    book.add_person(found.person.clone(), *token);
                }
                if !book.leads.contains_key(number) {
                    book.add_lead(Lead::found(number.clone(), found));
                }
            }
            book.add_event(event.clone()).ok()?;
        }
        Some(book)
    }
}
