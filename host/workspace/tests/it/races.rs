//! Somebody else acts before every single call of a commit, and loses nothing by it: by default the
//! change is made and their bytes are kept, with `strict` it is taken back.

pub(crate) mod acts;
pub(crate) mod live;
pub(crate) mod random;
pub(crate) mod round;

#[cfg(test)]
mod cases;

use acts::Act;

/// What every race starts from.
pub(crate) const START: &[(&str, &str)] = &[
    ("f", "f before"),
    ("log", "one line\n"),
    ("d/inner", "inner before"),
    ("d/still", "still before"),
    ("gone/one", "one before"),
    ("gone/two/three", "three before"),
    ("link", "-> f"),
    ("kept", "kept before"),
];

const ALL: &[Act] = &[
    Act::Overwrite,
    Act::Append,
    Act::Save,
    Act::Remove,
    Act::Link,
    Act::Mode,
    Act::Disguise,
    Act::Directory,
    Act::Carry,
    Act::OldHandle,
];

/// What can be done to a name that is free.
const NEW: &[Act] = &[Act::Create, Act::Empty, Act::Directory, Act::Link];
