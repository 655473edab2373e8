//! What a world may hold at most: a failing one is made smaller by lowering these.

use std::fmt;

/// What can go wrong. Each can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Requests or answers are lost.
    Lost,
    /// Requests arrive after they were given up.
    Late,
    /// Requests arrive twice, perhaps much later.
    Doubled,
    /// 429, or 503 with the time to wait; a deadlock that was rolled back.
    Busy,
    /// 502, 503, 504 and pages of HTML, before or after the server did its work; cut-off answers.
    Proxy,
    /// Sessions end.
    Session,
    /// Clocks jump, both ways.
    Clock,
    /// Pages die between any two effects, and what was not durable is gone.
    Crash,
    /// Pages are frozen for a while and go on.
    Freeze,
    /// Two pages of one user.
    Pages,
    /// Other clients, which know nothing of Restamp, change documents.
    Office,
    /// Documents are submitted, cancelled, deleted, and their names given to others.
    Ending,
    /// Pages are closed.
    Close,
    /// Disks take nothing for a while.
    Full,
    /// The server's word of changes: late, twice, out of order, lost.
    Word,
}

impl Fault {
    pub const ALL: [(Fault, &'static str); 15] = [
        (Fault::Lost, "lost"),
        (Fault::Late, "late"),
        (Fault::Doubled, "doubled"),
        (Fault::Busy, "busy"),
        (Fault::Proxy, "proxy"),
        (Fault::Session, "session"),
        (Fault::Clock, "clock"),
        (Fault::Crash, "crash"),
        (Fault::Freeze, "freeze"),
        (Fault::Pages, "pages"),
        (Fault::Office, "office"),
        (Fault::Ending, "ending"),
        (Fault::Close, "close"),
        (Fault::Full, "full"),
        (Fault::Word, "word"),
    ];

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// See the module. As text: `devices=2,pages=1,docs=1,acts=5,off=crash+late`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub devices: u64,
    /// Pages that are opened on one device, one after the other or side by side.
    pub pages: u64,
    /// Shared documents.
    pub docs: u64,
    /// What the cashier of one page does.
    pub acts: u64,
    off: u32,
}

impl Limits {
    pub const NONE: Limits = Limits { devices: 99, pages: 99, docs: 99, acts: 999, off: 0 };

    pub fn has(&self, fault: Fault) -> bool {
        self.off & fault.bit() == 0
    }

    pub fn without(mut self, fault: Fault) -> Limits {
        self.off |= fault.bit();
        self
    }

    pub fn parse(text: &str) -> Limits {
        let mut limits = Limits::NONE;
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').expect("name=value");
            let number = || value.parse().expect("a number");
            match name {
                "devices" => limits.devices = number(),
                "pages" => limits.pages = number(),
                "docs" => limits.docs = number(),
                "acts" => limits.acts = number(),
                "off" => {
                    for word in value.split('+') {
                        let known = Fault::ALL.iter().find(|(_, name)| *name == word);
                        limits = limits.without(known.expect("the name of a fault").0);
                    }
                }
                other => panic!("no such limit: {other}"),
            }
        }
        limits
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { devices, pages, docs, acts, .. } = self;
        write!(f, "devices={devices},pages={pages},docs={docs},acts={acts}")?;
        let off = Fault::ALL.iter().filter(|(fault, _)| !self.has(*fault));
        let off: Vec<&str> = off.map(|(_, name)| *name).collect();
        if !off.is_empty() {
            write!(f, ",off={}", off.join("+"))?;
        }
        Ok(())
    }
}
