//! `tlogistry-cli image-verifier`, called as containerd calls a verifier: what may be pulled, what may not, and what the user
//! reads. containerd itself runs it in `peers_clients`.

mod down;
mod hostile;
mod judged;
mod scene;
