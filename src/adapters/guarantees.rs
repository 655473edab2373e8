//! What a backend truly offers.

use crate::core::json::ObjectWriter;
pub use crate::core::policy::{CompareAndSet, TokenSupport};

/// What a backend truly offers, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// See [`CompareAndSet`].
    pub compare_and_set: CompareAndSet,
    /// See [`TokenSupport`].
    pub token: TokenSupport,
    /// Several documents, all or nothing.
    pub transactions: bool,
    /// Locks that end by themselves.
    pub leases: bool,
    /// Numbers given out once.
    pub sequences: bool,
    /// Word of others' changes.
    pub changes: bool,
    /// Merging at the server.
    pub apply: bool,
    /// A stale save may wait for its turn and come back with the newest copy and a lease.
    pub parking: bool,
    /// Several documents are loaded, leased and given back in one request.
    pub batches: bool,
    /// The same save again, token and bytes, is answered as the first time, for an hour at least.
    pub replays: bool,
}

impl Guarantees {
    /// Compare-and-set and tokens as given, nothing more: what plain HTTP backends offer.
    #[must_use]
    pub fn plain(compare_and_set: CompareAndSet, token: TokenSupport) -> Guarantees {
        Guarantees {
            compare_and_set,
            token,
            transactions: false,
            leases: false,
            sequences: false,
            changes: false,
            apply: false,
            parking: false,
            batches: false,
            replays: false,
        }
    }

    /// The contract's `Guarantees` object as JSON text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let compare_and_set = match self.compare_and_set {
            CompareAndSet::Atomic => "atomic",
            CompareAndSet::Racy => "racy",
            CompareAndSet::None => "none",
        };
        let token = match self.token {
            TokenSupport::Native => "native",
            TokenSupport::Field => "field",
            TokenSupport::None => "none",
        };
        let mut out = ObjectWriter::new();
        out.text("compareAndSet", compare_and_set).text("token", token);
        for (name, offered) in [
            ("transactions", self.transactions),
            ("leases", self.leases),
            ("sequences", self.sequences),
            ("changes", self.changes),
            ("apply", self.apply),
        ] {
            out.raw(name, if offered { b"true" } else { b"false" });
        }
        // Beyond the contract: said only where there is something to say.
        let more =
            [("parking", self.parking), ("batches", self.batches), ("replays", self.replays)];
        for (name, offered) in more {
            if offered {
                out.raw(name, b"true");
            }
        }
        out.finish()
    }
}
