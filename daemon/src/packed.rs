//! Files of compressed JSON documents: in such are kept long configurations that have been live.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Deserializer, de::IoRead};
use zstd::stream::{Decoder, Encoder};

use crate::atomic;

/// It costs less than to write what it saves.
const LEVEL: i32 = 3;
/// What comes in small pieces is compressed by so many bytes.
const PIECE: usize = 1 << 16;
/// What is shorter stays plain JSON, which anybody can read.
pub const LONG: usize = 1 << 18;

/// Replaces `file` by one of these documents. A crash leaves the old one or the new one.
///
/// # Errors
/// What the file system said; the old file is still there.
pub fn write(file: &Path, head: Option<&impl Serialize>, body: &impl Serialize) -> io::Result<()> {
    let mut packing = BufWriter::with_capacity(PIECE, Encoder::new(Vec::new(), LEVEL)?);
    if let Some(head) = head {
        serde_json::to_writer(&mut packing, head)?;
    }
    serde_json::to_writer(&mut packing, body)?;
    let encoder = packing.into_inner().map_err(io::IntoInnerError::into_error)?;
    atomic::replace(file, &encoder.finish()?)
}

/// The documents of a file, read one by one and no further than they are asked for.
#[expect(missing_debug_implementations, reason = "a decoder has none")]
pub struct Documents(Deserializer<IoRead<BufReader<Decoder<'static, BufReader<File>>>>>);

impl Documents {
    /// Those of `file`.
    ///
    /// # Errors
    /// What the file system said.
    pub fn open(file: &Path) -> io::Result<Self> {
        let unpacked = BufReader::with_capacity(PIECE, Decoder::new(File::open(file)?)?);
        Ok(Self(Deserializer::from_reader(unpacked)))
    }

    /// Reads the next.
    ///
    /// # Errors
    /// When there is none, or it is no `T`.
    pub fn read<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        Ok(T::deserialize(&mut self.0)?)
    }
}
