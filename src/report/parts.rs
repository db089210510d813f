//! What pages share besides their style: photos, heatmaps, boxes, filters.

pub(crate) use super::css_rect::CssRect;
pub(crate) use super::page::{FilterOption, SCRIPT, STYLE, counted, counts, name_list};
pub(crate) use super::page_pictures::PagePictures;
pub(crate) use super::picture::aspect;
pub(crate) use super::view::PhotoView;
