//! Who is told of the crash points of a life, one by one.

use crate::disk::Moment;
use crate::failure::Broken;
use crate::model::Model;

/// What is told of each crash point.
pub(crate) type Watching<'w> = dyn FnMut(&Model, &Moment) -> Result<(), Broken> + 'w;

/// Who is told of crash points, and from which act on.
pub(crate) struct Through<'p> {
    pub(crate) watching: &'p mut Watching<'p>,
    pub(crate) from: u64,
}
