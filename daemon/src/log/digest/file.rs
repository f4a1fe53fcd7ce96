//! A digest in its file: what it is the digest of, the head, the rows; the latter two compressed
//! apart, so that a review can pass over rows that can't hold what it looks for.

use std::{fs, io, ops::Range, path::Path};

use super::{
    Block, Digest, Head, NOBODY, Rows, Shape,
    bytes::{Number as _, Reader, put_addresses, put_column},
};

/// Begins the file. Whatever changes the meaning of a digest changes the number: others are made anew.
const MAGIC: &[u8] = b"portcullis digest 1\n";
const LEVEL: i32 = 3;
/// More than a segment of the largest size can have; a length beyond is damage.
const LARGEST: usize = 1 << 32;

/// A digest whose rows are still compressed.
#[derive(Debug)]
pub struct Folded {
    /// What the rows refer to.
    pub head: Head,
    file: Vec<u8>,
    /// Where in the file the rows are.
    rows: Range<usize>,
    /// Their length when they are unfolded.
    rows_length: usize,
}

impl Digest {
    /// The digest as a file's bytes; `archive` is the size of what it is the digest of.
    ///
    /// # Errors
    /// When it can't be compressed.
    pub fn to_file(&self, archive: u64) -> io::Result<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        archive.put(&mut out);
        for part in [head_bytes(&self.head), rows_bytes(&self.rows)] {
            let packed = zstd::bulk::compress(&part, LEVEL)?;
            (part.len() as u64).put(&mut out);
            (packed.len() as u64).put(&mut out);
            out.extend(packed);
        }
        Ok(out)
    }
}

impl Folded {
    /// Reads the digest of an archive that is `archive` bytes long.
    ///
    /// # Errors
    /// When there is none, or it is not that archive's.
    pub fn open(path: &Path, archive: u64) -> io::Result<Self> {
        let file = fs::read(path)?;
        let mut reader = Reader(&file);
        if reader.bytes(MAGIC.len())? != MAGIC || reader.number::<u64>()? != archive {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (length, packed) = part(&mut reader)?;
        let head = read_head(&mut Reader(&zstd::bulk::decompress(packed, length)?))?;
        let (rows_length, rows) = part(&mut reader)?;
        let end = file.len() - reader.0.len();
        Ok(Self { head, rows: end - rows.len()..end, rows_length, file })
    }

    /// The whole digest.
    ///
    /// # Errors
    /// When the rows are damaged.
    pub fn unfold(self) -> io::Result<Digest> {
        let bytes = zstd::bulk::decompress(&self.file[self.rows], self.rows_length)?;
        let mut reader = Reader(&bytes);
        let rows = Rows {
            time: reader.column()?,
            source: reader.column()?,
            destination: reader.column()?,
            door: reader.column()?,
            shape: reader.column()?,
            count: reader.column()?,
        };
        let digest = Digest { head: self.head, rows };
        if digest.is_sound() { Ok(digest) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Digest {
    /// Whether all columns are equally long, and refer to what is there.
    fn is_sound(&self) -> bool {
        let Rows { time, source, destination, door, shape, count } = &self.rows;
        let lines = time.len();
        let within = |places: &[u32], length: usize, none: bool| {
            places.iter().all(|&place| (place as usize) < length || none && place == NOBODY)
        };
        [source.len(), destination.len(), door.len(), shape.len(), count.len()]
            .iter()
            .all(|&len| len == lines)
            && within(source, self.head.addresses.len(), true)
            && within(destination, self.head.addresses.len(), true)
            && within(shape, self.head.shapes.len(), false)
            && self.head.blocks.is_sorted_by_key(|block| block.line)
            && self.head.blocks.iter().all(|block| block.line <= lines as u64)
    }
}

fn part<'a>(reader: &mut Reader<'a>) -> io::Result<(usize, &'a [u8])> {
    let length = reader.length()?;
    if length > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let packed = reader.length()?;
    Ok((length, reader.bytes(packed)?))
}

fn head_bytes(head: &Head) -> Vec<u8> {
    let Head { times, addresses, shapes, blocks } = head;
    let mut out = Vec::new();
    let times: Vec<i64> = times.iter().flat_map(|&(first, last)| [first, last]).collect();
    put_column(&mut out, &times);
    put_addresses(&mut out, addresses);
    let blocks: Vec<u64> = blocks.iter().flat_map(|block| [block.line, block.offset, block.length]).collect();
    put_column(&mut out, &blocks);
    // Strings and numbers: there is nothing in it that JSON can't hold.
    put_column(&mut out, &serde_json::to_vec(shapes).unwrap_or_default());
    out
}

fn read_head(reader: &mut Reader<'_>) -> io::Result<Head> {
    let times: Vec<i64> = reader.column()?;
    let addresses = reader.addresses()?;
    let blocks: Vec<u64> = reader.column()?;
    let shapes: Vec<Shape> = serde_json::from_slice(&reader.column::<u8>()?)?;
    let block = |of: &[u64]| Block { line: of[0], offset: of[1], length: of[2] };
    Ok(Head {
        times: times.first().copied().zip(times.last().copied()),
        addresses,
        shapes,
        blocks: blocks.chunks_exact(3).map(block).collect(),
    })
}

fn rows_bytes(rows: &Rows) -> Vec<u8> {
    let Rows { time, source, destination, door, shape, count } = rows;
    let mut out = Vec::new();
    put_column(&mut out, time);
    for places in [source, destination] {
        put_column(&mut out, places);
    }
    put_column(&mut out, door);
    put_column(&mut out, shape);
    put_column(&mut out, count);
    out
}
