//! What frames refer to that is not in them: dictionaries, of which a frame names one, and a prefix.

use super::dict::Dict;
use super::Options;
use crate::codec::format::dictionary::Dictionary;
use std::fmt;
use std::sync::Arc;

/// The longest prefix: half of the largest window.
pub(crate) const LONGEST_PREFIX: usize = if usize::BITS < 64 { 1 << 29 } else { 1 << 30 };

/// Content that a frame may repeat, such as an older version of it. Clones share it.
#[derive(Clone)]
pub struct Prefix(Arc<Content>);

enum Content {
    Own(Box<[u8]>),
    Lent(&'static [u8]),
}

impl Prefix {
    /// A prefix with a copy of `content`.
    pub fn new(content: &[u8]) -> Self {
        Self(Arc::new(Content::Own(content.into())))
    }

    /// A prefix that is not copied.
    pub(crate) fn lent(content: &'static [u8]) -> Self {
        Self(Arc::new(Content::Lent(content)))
    }

    /// The content.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &*self.0 {
            Content::Own(bytes) => bytes,
            Content::Lent(bytes) => bytes,
        }
    }

    /// The bytes of the content.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefix").field("len", &self.len()).finish()
    }
}

/// Dictionaries of which frames name one. Clones share them.
#[derive(Clone, Debug)]
pub struct Dicts(Arc<[(u32, Dict)]>);

impl Dicts {
    /// Of several with the same id the first counts; raw content has no id, and is never chosen.
    pub fn new(dicts: impl IntoIterator<Item = Dict>) -> Self {
        let mut all: Vec<_> =
            dicts.into_iter().map(|dict| (dict.id(), dict)).filter(|(id, _)| *id != 0).collect();
        all.sort_by_key(|(id, _)| *id);
        all.dedup_by_key(|(id, _)| *id);
        Self(all.into())
    }

    fn find(&self, id: u32) -> Option<&Dict> {
        self.0.binary_search_by_key(&id, |(id, _)| *id).ok().map(|index| &self.0[index].1)
    }

    /// How many there are to choose from.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The memory that they take.
    pub(crate) fn memory(&self) -> usize {
        self.0.iter().fold(0, |sum, (_, dict)| sum.saturating_add(dict.memory(dict.level())))
    }
}

/// What one frame refers to.
#[derive(Clone, Copy)]
pub(crate) enum Reference<'r> {
    Dict(&'r Dict),
    Prefix(&'r Prefix),
}

impl<'r> Reference<'r> {
    /// What it gives to a frame, unless that is odd.
    pub(crate) fn dictionary(&self) -> Option<Dictionary<'r>> {
        match self {
            Reference::Dict(dict) => Dictionary::read(dict.content()).ok(),
            Reference::Prefix(prefix) => Some(Dictionary::raw(prefix.bytes())),
        }
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &'r [u8] {
        match self {
            Reference::Dict(dict) => dict.content(),
            Reference::Prefix(prefix) => prefix.bytes(),
        }
    }

    /// The same, kept.
    pub(crate) fn keep(&self) -> KeptReference {
        match *self {
            Reference::Dict(dict) => KeptReference::Dict(dict.clone()),
            Reference::Prefix(prefix) => KeptReference::Prefix(prefix.clone()),
        }
    }

    /// Whether a context that decodes with this is prepared for another frame that refers to `other`. A
    /// prefix is forgotten with its frame.
    pub(crate) fn serves(&self, other: &Self) -> bool {
        matches!((self, other), (Reference::Dict(this), Reference::Dict(other)) if this.is(other))
    }
}

/// See `Reference`.
#[derive(Clone)]
pub(crate) enum KeptReference {
    Dict(Dict),
    Prefix(Prefix),
}

impl KeptReference {
    pub(crate) fn get(&self) -> Reference<'_> {
        match self {
            KeptReference::Dict(dict) => Reference::Dict(dict),
            KeptReference::Prefix(prefix) => Reference::Prefix(prefix),
        }
    }
}

/// All that the frames of a call may refer to.
#[derive(Clone, Copy)]
pub(crate) struct References<'r> {
    pub(crate) dict: Option<&'r Dict>,
    pub(crate) dicts: Option<&'r Dicts>,
    pub(crate) prefix: Option<&'r Prefix>,
}

impl<'r> References<'r> {
    /// The dictionary that has that id, which is not 0.
    pub(crate) fn named(&self, id: u32) -> Option<&'r Dict> {
        self.dict.filter(|dict| dict.id() == id).or_else(|| self.dicts.and_then(|dicts| dicts.find(id)))
    }

    /// What a frame refers to that names this dictionary; 0: none.
    pub(crate) fn of(&self, id: u32) -> Option<Reference<'r>> {
        if id != 0 {
            return self.named(id).map(Reference::Dict);
        }
        self.prefix.map(Reference::Prefix).or(self.dict.map(Reference::Dict))
    }

    /// How much farther than its window a frame may be asked for.
    pub(crate) fn prefix_len(&self) -> usize {
        self.prefix.map_or(0, Prefix::len)
    }
}

/// The same, kept for as long as a handle lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptReferences {
    dict: Option<Dict>,
    dicts: Option<Dicts>,
    prefix: Option<Prefix>,
}

impl KeptReferences {
    pub(crate) fn new(options: &Options<'_>) -> Self {
        let Options { dict, dicts, prefix, .. } = *options;
        Self { dict: dict.cloned(), dicts: dicts.cloned(), prefix: prefix.cloned() }
    }

    pub(crate) fn get(&self) -> References<'_> {
        References { dict: self.dict.as_ref(), dicts: self.dicts.as_ref(), prefix: self.prefix.as_ref() }
    }
}
