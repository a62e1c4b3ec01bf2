//! A tar archive (POSIX ustar) of folders and short files, as a layer is.

use bytes::Bytes;

const BLOCK: usize = 512;

/// Archives the paths in their order. One that ends in '/' is a folder.
pub fn archive(files: &[(&str, &str)]) -> Bytes {
    let mut archive = Vec::new();
    for (path, text) in files {
        archive.extend(header(path, text.len()));
        archive.extend(text.as_bytes());
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0); // the end
    archive.into()
}

fn header(path: &str, size: usize) -> [u8; BLOCK] {
    let folder = path.ends_with('/');
    let (mode, kind) = if folder { (0o755, b'5') } else { (0o644, b'0') };
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    assert!(path.len() < 100, "{path} is too long for the name's field");
    put(0, path.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000"); // owner and group: root
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000"); // 1970
    put(148, b"        "); // the checksum is computed with blanks in its place
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
