//! What a stream says of how its frames are to be seen, beyond their pixels, and the element does not follow: pictures that are to be turned, several
//! views in one.
//!
//! In: the stream's tags and caps. Out: what the user is told, once for each. The network would be given a picture that nobody sees, and nobody would know.
//!
//! The element does not turn pictures itself, because others turn them by the same tag: a sink would turn what was painted once more, labels and
//! all, and metas are in the buffer's pixels for everybody. `videoflip` turns frame and tag together.

use gst_video::{VideoInfo, VideoInterlaceMode, VideoMultiviewMode};

/// What the stream says, and what was told of it so far.
#[derive(Debug, Default)]
pub struct Viewing {
    /// Of the whole medium, and of this stream of it, which counts where both are there.
    orientations: [Option<String>; 2],
    told_of: Option<String>,
    views: Option<&'static str>,
}

impl Viewing {
    /// The stream has these tags. Further ones may follow, up to the next frame.
    pub fn tagged(&mut self, tags: &gst::TagListRef) {
        if let Some(orientation) = tags.get::<gst::tags::ImageOrientation>() {
            let of_stream = tags.scope() == gst::TagScope::Stream;
            self.orientations[usize::from(of_stream)] = Some(orientation.get().to_owned());
        }
    }

    /// A frame comes. Says what is to be told of its tags.
    pub fn seen(&mut self) -> Option<String> {
        let [medium, stream] = &self.orientations;
        let orientation = stream.as_ref().or(medium.as_ref())?;
        if self.told_of.as_ref() == Some(orientation) {
            return None;
        }
        self.told_of = Some(orientation.clone());
        // GStreamer 1.22's videoflip leaves the tag as it was, so it cannot be known whether that has been done.
        (orientation != "rotate-0").then(|| {
            format!(
                "pictures with the tag image-orientation={orientation} are to be turned before they are seen, and are looked at as they come: \
                 put videoflip video-direction=auto ! taginject tags=image-orientation=rotate-0 before the element"
            )
        })
    }

    /// The frames are of these caps. Says what is to be told of them.
    pub fn negotiated(&mut self, info: &VideoInfo) -> Option<String> {
        let views = views(info);
        let told = std::mem::replace(&mut self.views, views);
        let views = views.filter(|_| told != views)?;
        Some(format!(
            "{views}, and what is detected and drawn is that of the buffer as one picture: put an element before this one that \
             makes one view of it"
        ))
    }
}

/// What else than one picture the buffers hold.
fn views(info: &VideoInfo) -> Option<&'static str> {
    let of_fields = info.interlace_mode() == VideoInterlaceMode::Fields;
    match info.multiview_mode() {
        VideoMultiviewMode::None
        | VideoMultiviewMode::Mono
        | VideoMultiviewMode::Left
        | VideoMultiviewMode::Right => of_fields.then_some("the fields of a frame lie apart"),
        VideoMultiviewMode::FrameByFrame | VideoMultiviewMode::MultiviewFrameByFrame => {
            Some("the views of several eyes take turns")
        }
        VideoMultiviewMode::Separated => Some("a buffer holds several pictures"),
        _ => Some("a picture holds the views of several eyes"),
    }
}

/// Keeps an element before this one from attaching what would have to be followed here: frames that are to be cropped or turned by whoever shows them,
/// and further overlays, of which a sink shows one.
pub fn keep_plain(query: &mut gst::query::Allocation) {
    let kept_back = [
        "GstVideoCropMetaAPI",
        "GstVideoAffineTransformationMetaAPI",
        "GstVideoOverlayCompositionMetaAPI",
    ];
    let offered: Vec<gst::glib::Type> = query.allocation_metas().map(|(api, _)| api).collect();
    for (index, api) in (0..).zip(offered).collect::<Vec<_>>().into_iter().rev() {
        if kept_back.contains(&api.name()) {
            query.remove_nth_allocation_meta(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use gst_video::VideoFormat;

    use super::*;

    fn tags(orientation: &str, scope: gst::TagScope) -> gst::TagList {
        let mut tags = gst::TagList::new();
        let tags_mut = tags.make_mut();
        tags_mut.add::<gst::tags::ImageOrientation>(&orientation, gst::TagMergeMode::Replace);
        tags_mut.set_scope(scope);
        tags
    }

    #[test]
    fn a_turn_is_told_of_once_and_again_when_it_changes() {
        gst::init().unwrap();
        let mut viewing = Viewing::default();
        assert_eq!(viewing.seen(), None);
        let mut told = |orientation: &str| {
            viewing.tagged(&tags(orientation, gst::TagScope::Stream));
            viewing.seen().is_some()
        };
        let told = [
            "rotate-0",
            "rotate-90",
            "rotate-90",
            "rotate-180",
            "rotate-0",
        ]
        .map(&mut told);
        assert_eq!(told, [false, true, false, true, false]);
        viewing.tagged(&gst::TagList::new());
        assert_eq!(viewing.seen(), None);
    }

    #[test]
    fn what_a_later_tag_says_before_the_first_frame_counts_and_the_streams_own_counts_most() {
        gst::init().unwrap();
        let mut viewing = Viewing::default();
        viewing.tagged(&tags("rotate-90", gst::TagScope::Stream));
        viewing.tagged(&tags("rotate-0", gst::TagScope::Stream));
        viewing.tagged(&tags("rotate-180", gst::TagScope::Global));
        assert_eq!(viewing.seen(), None);
    }

    #[test]
    fn several_views_are_told_of() {
        gst::init().unwrap();
        let info = |mode| {
            let info = VideoInfo::builder(VideoFormat::I420, 64, 64);
            info.multiview_mode(mode).build().unwrap()
        };
        let mut viewing = Viewing::default();
        assert_eq!(viewing.negotiated(&info(VideoMultiviewMode::Mono)), None);
        let beside = info(VideoMultiviewMode::SideBySide);
        assert!(viewing.negotiated(&beside).is_some());
        assert_eq!(viewing.negotiated(&beside), None);
        assert!(
            viewing
                .negotiated(&info(VideoMultiviewMode::Separated))
                .is_some()
        );
    }

    #[test]
    fn only_metas_that_need_not_be_followed_are_offered() {
        gst::init().unwrap();
        let mut query = gst::query::Allocation::new(None, false);
        query.add_allocation_meta::<gst_video::VideoCropMeta>(None);
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        query.add_allocation_meta::<gst_video::VideoOverlayCompositionMeta>(None);
        keep_plain(&mut query);
        let left: Vec<_> = query
            .allocation_metas()
            .map(|(api, _)| api.name())
            .collect();
        assert_eq!(left, ["GstVideoMetaAPI"]);
    }
}
