//! Whose pictures a session looks at: those of a camera, or single ones that somebody waits for. Both share the networks of one model.

use std::sync::Arc;

use image::RgbImage;

use ssdcrp::overlay::Canvas;
use ssdcrp::stream::{Host, News, Observation, View};

use crate::feed::Feed;
use crate::message::now;
use crate::single_look::SingleLook;

/// One of the two.
pub enum Owner {
    Camera(Feed),
    Single(Arc<SingleLook>),
}

impl Host for Owner {
    type Picture = Arc<RgbImage>;
    type Prepared = Option<Canvas>;

    fn prepare(&self, _: &View, canvas: Option<Canvas>) -> ssdcrp::Result<Option<Canvas>> {
        Ok(canvas)
    }

    fn picture(&self, picture: &Arc<RgbImage>, _: &Observation) -> ssdcrp::Result<RgbImage> {
        Ok(RgbImage::clone(picture))
    }

    fn clock(&self) -> String {
        now()
    }

    fn event_id(&self, number: u64) -> Option<String> {
        match self {
            Self::Camera(feed) => Some(feed.event_id(number)),
            Self::Single(_) => None,
        }
    }

    fn tell(&self, news: News) {
        match self {
            Self::Camera(feed) => feed.tell(news),
            Self::Single(look) => look.tell(news),
        }
    }
}
