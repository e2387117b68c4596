//! A receiver of webhooks, on loopback: it keeps what is posted and answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    certificate::Files,
    https::{Asked, serve},
};

/// One post.
#[derive(Clone, Debug)]
pub struct Post {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was posted.
    pub body: Vec<u8>,
    /// The status it was answered with.
    pub answered: u16,
}

/// What was posted, and what comes next.
#[derive(Default)]
pub struct State {
    /// In their order.
    pub posts: Vec<Post>,
    /// Statuses of the next answers; then 204.
    pub answers: VecDeque<u16>,
}

/// A running receiver; it ends with the test's process.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Starts one with this certificate.
    pub fn start(files: &Files) -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let address = serve(files, move |Asked { headers, body, .. }| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let answered = state.answers.pop_front().unwrap_or(204);
            state.posts.push(Post { headers, body, answered });
            (answered, String::new())
        })?;
        Ok(Self { address, state })
    }

    /// What was posted so far.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
