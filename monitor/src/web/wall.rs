//! The pictures of all cameras in one answer, so that a page needs one of a browser's few connections for them: the board's cameras in, an HTTP body out, whose parts are those of films in turn.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::watch;

use super::film::Film;
use crate::board::Screens;

pub const CONTENT_TYPE: &str = "multipart/mixed; boundary=picture";

type Changed = Pin<Box<dyn Future<Output = Option<watch::Receiver<Screens>>> + Send>>;

/// Goes on with whatever cameras there are, until the board is gone.
pub struct Wall {
    films: Vec<Film>,
    /// The film that is asked first for its next picture.
    turn: usize,
    changed: Changed,
}

impl Wall {
    pub fn of(mut screens: watch::Receiver<Screens>) -> Self {
        let films = films(&mut screens);
        Self {
            films,
            turn: 0,
            changed: Box::pin(change(screens)),
        }
    }
}

/// The cameras' receiver, once they are others.
async fn change(mut screens: watch::Receiver<Screens>) -> Option<watch::Receiver<Screens>> {
    screens.changed().await.ok()?;
    Some(screens)
}

fn films(screens: &mut watch::Receiver<Screens>) -> Vec<Film> {
    let screens = screens.borrow_and_update();
    screens
        .iter()
        .map(|screen| Film::of(screen.watch()))
        .collect()
}

impl Body for Wall {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let wall = &mut *self;
        while let Poll::Ready(screens) = wall.changed.as_mut().poll(context) {
            let Some(mut screens) = screens else {
                return Poll::Ready(None);
            };
            // The old ones go after the new ones have come: who is looked at stays so.
            wall.films = films(&mut screens);
            wall.changed = Box::pin(change(screens));
        }
        // Who takes pictures slowly gets those of all cameras equally rarely.
        for step in 0..wall.films.len() {
            let place = (wall.turn + step) % wall.films.len();
            let film = Pin::new(&mut wall.films[place]);
            // A film that has ended is never ready again.
            if let Poll::Ready(Some(part)) = film.poll_frame(context) {
                wall.turn = place + 1;
                return Poll::Ready(Some(part));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use image::RgbImage;

    use super::*;
    use crate::board::Board;
    use crate::screen::Screen;

    fn screen(name: &str) -> Arc<Screen> {
        Arc::new(Screen::new(name, name))
    }

    fn show(screen: &Screen) {
        screen.show(&RgbImage::new(8, 8)).unwrap();
    }

    /// Whose picture comes next.
    async fn next(wall: &mut Wall) -> String {
        let part = wall.frame().await.unwrap().unwrap().into_data().unwrap();
        let end = part
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(part[..end].to_vec()).unwrap();
        assert_eq!(&part[end + 4..end + 6], [0xff, 0xd8], "a JPEG");
        let of = head.split("Content-Location: /stream/").nth(1).unwrap();
        of.to_owned()
    }

    #[tokio::test]
    async fn cameras_take_turns_whatever_one_of_them_sends() {
        let (board, gate, yard) = (Board::default(), screen("gate"), screen("yard"));
        board.set_screens(vec![gate.clone(), yard.clone()]);
        let mut wall = Wall::of(board.follow_screens());
        for _ in 0..3 {
            show(&yard);
            show(&gate);
            assert_eq!(next(&mut wall).await, "gate");
            show(&gate);
            assert_eq!(next(&mut wall).await, "yard");
        }
    }

    #[tokio::test]
    async fn it_goes_on_with_other_cameras_and_without_those_that_are_gone() {
        let (board, gate, yard) = (Board::default(), screen("gate"), screen("yard"));
        board.set_screens(vec![gate.clone()]);
        let mut wall = Wall::of(board.follow_screens());
        show(&gate);
        assert_eq!(next(&mut wall).await, "gate");
        gate.close();
        board.set_screens(vec![yard.clone()]);
        let coming = tokio::spawn(async move { (next(&mut wall).await, wall) });
        tokio::task::yield_now().await;
        assert!(yard.is_watched() && !gate.is_watched());
        show(&yard);
        let (of, mut wall) = coming.await.unwrap();
        assert_eq!(of, "yard");
        // A camera that stays is looked at without a break, so that what is pointed at stays too.
        board.set_screens(vec![yard.clone(), screen("hall")]);
        show(&yard);
        assert_eq!(next(&mut wall).await, "yard");
        assert!(yard.is_watched());
        drop((wall, board));
        assert!(!yard.is_watched());
    }
}
