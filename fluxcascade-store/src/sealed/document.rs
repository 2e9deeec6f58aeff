//! Documents: what leaves a store for a file, as a saved plan or an export, sealed with the same keys.
//!
//! A document begins with a magic word and a format, the key's id and mark, and 16 random bytes. Its
//! bytes follow in chunks of one size but for the last, each with its tag. A chunk's nonce are those
//! random bytes and its number; its associated data are the head, what the document is, and whether the
//! chunk is the last: so that no chunk can be changed, left out, moved, or cut off behind.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use fluxcascade_core::store::StoreError;
use secrecy::zeroize::Zeroizing;

use super::key::{KeyId, Keyring, SealingKey};

/// Begins every sealed document: four letters and the format.
const HEAD: [u8; 5] = *b"FLXD\x01";

/// How many bytes are sealed together.
const CHUNK: usize = 64 * 1024;

/// What sealing adds to each chunk.
const TAG: usize = 16;

/// Random bytes in each nonce.
const DRAWN: usize = 16;

/// Why a sealed document cannot be opened. It says which one and which key, and nothing of what is in
/// it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The key is not in the ring.
    #[error(
        "{what} is sealed with the key {key}, which is not in the keyring: give that key as an older one"
    )]
    KeyLost {
        /// What the document was to be.
        what: String,
        /// The id that stands in it.
        key: KeyId,
    },
    /// The ring's key of that id is not the one that it was sealed with.
    #[error(
        "{what} is sealed with another key than the keyring has as {key}: give the key that had this id first"
    )]
    KeyWrong {
        /// What the document was to be.
        what: String,
        /// The id that stands in it.
        key: KeyId,
    },
    /// Its bytes were changed or cut off, or it is another document.
    #[error(
        "{what}, sealed with the key {key}, was changed or cut off, or is another document: make it again"
    )]
    Changed {
        /// What the document was to be.
        what: String,
        /// The id that stands in it.
        key: KeyId,
    },
    /// It is none.
    #[error("{what} is not sealed: read it without the keyring, or look for the right file")]
    NotSealed {
        /// What the document was to be.
        what: String,
    },
}

/// The key of a document, and what its chunks are bound to.
struct Chunks {
    key: SealingKey,
    what: String,
    head: Vec<u8>,
    drawn: [u8; DRAWN],
}

/// Whether a chunk is followed by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Inner,
    Last,
}

impl Chunks {
    fn associated(&self, place: Place) -> Vec<u8> {
        let mut out = self.head.clone();
        out.extend_from_slice(&(self.what.len() as u64).to_le_bytes());
        out.extend_from_slice(self.what.as_bytes());
        out.push(match place {
            Place::Inner => 0,
            Place::Last => 1,
        });
        out
    }

    fn nonce(&self, number: u64) -> XNonce {
        let mut nonce = [0; 24];
        nonce[..DRAWN].copy_from_slice(&self.drawn);
        nonce[DRAWN..].copy_from_slice(&number.to_be_bytes());
        XNonce::from(nonce)
    }

    fn seal(&self, number: u64, place: Place, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let associated = self.associated(place);
        let payload = Payload { msg: bytes, aad: &associated };
        let sealed = self.key.cipher().encrypt(&self.nonce(number), payload);
        sealed.map_err(|_| io::Error::other("a chunk is too large to be sealed"))
    }

    fn open(&self, number: u64, place: Place, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let associated = self.associated(place);
        let payload = Payload { msg: bytes, aad: &associated };
        self.key.cipher().decrypt(&self.nonce(number), payload).ok().map(Zeroizing::new)
    }
}

/// Seals what is written to it, and writes that on. A document is whole only once
/// [`finish`](SealingWriter::finish) was called: what was cut off before does not open.
pub struct SealingWriter<W> {
    out: W,
    chunks: Chunks,
    number: u64,
    waiting: Zeroizing<Vec<u8>>,
}

impl<W> fmt::Debug for SealingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingWriter")
            .field("what", &self.chunks.what)
            .field("key", self.chunks.key.id())
            .finish_non_exhaustive()
    }
}

impl<W: Write> SealingWriter<W> {
    /// Writes the last chunk, and returns what was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        let sealed = self.chunks.seal(self.number, Place::Last, &self.waiting)?;
        self.out.write_all(&sealed)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Flushing writes no chunk that is not full: only the last one of a document may be short.
impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until more is there: it may be the last.
        if self.waiting.len() == CHUNK && !bytes.is_empty() {
            let sealed = self.chunks.seal(self.number, Place::Inner, &self.waiting)?;
            self.out.write_all(&sealed)?;
            self.number += 1;
            self.waiting.clear();
        }
        let taken = bytes.len().min(CHUNK - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads what a [`SealingWriter`] wrote, and opens it chunk by chunk. Nothing is told of a chunk that
/// does not open: reading fails with a [`DocumentError`] inside.
pub struct OpeningReader<R> {
    from: R,
    chunks: Chunks,
    /// Where the first chunk begins, and how many bytes there are from there on.
    begin: u64,
    sealed: u64,
    /// The chunk that is open, if any, and its number.
    open: Option<(u64, Zeroizing<Vec<u8>>)>,
    /// Where the next byte is read.
    at: u64,
}

impl<R> fmt::Debug for OpeningReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningReader")
            .field("what", &self.chunks.what)
            .field("key", self.chunks.key.id())
            .finish_non_exhaustive()
    }
}

impl<R: Read + Seek> OpeningReader<R> {
    fn changed(&self) -> io::Error {
        let (what, key) = (self.chunks.what.clone(), self.chunks.key.id().clone());
        invalid(DocumentError::Changed { what, key })
    }

    /// How many bytes the document has.
    fn len(&self) -> io::Result<u64> {
        let full = (CHUNK + TAG) as u64;
        let chunks = self.sealed.div_ceil(full);
        self.sealed.checked_sub(chunks * TAG as u64).ok_or_else(|| self.changed())
    }

    /// The bytes from where the next is read to the end of its chunk.
    fn chunk(&mut self) -> io::Result<&[u8]> {
        let number = self.at / CHUNK as u64;
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let opened = self.read_chunk(number)?;
            self.open = Some((number, opened));
        }
        let within = usize::try_from(self.at % CHUNK as u64).unwrap_or(CHUNK);
        let bytes = self.open.as_ref().map_or(&[][..], |(_, bytes)| bytes.as_slice());
        Ok(bytes.get(within..).unwrap_or_default())
    }

    fn read_chunk(&mut self, number: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let full = (CHUNK + TAG) as u64;
        let offset = number * full;
        if self.sealed == 0 {
            return Err(self.changed());
        }
        if offset >= self.sealed {
            return Ok(Zeroizing::default());
        }
        let place = if self.sealed - offset <= full { Place::Last } else { Place::Inner };
        let size = usize::try_from(full.min(self.sealed - offset)).unwrap_or(CHUNK + TAG);
        let mut bytes = vec![0; size];
        self.from.seek(SeekFrom::Start(self.begin + offset))?;
        self.from.read_exact(&mut bytes)?;
        self.chunks.open(number, place, &bytes).ok_or_else(|| self.changed())
    }
}

impl<R: Read + Seek> Read for OpeningReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let taken = there.len().min(into.len());
        into[..taken].copy_from_slice(&there[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: Read + Seek> BufRead for OpeningReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.chunk()
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl<R: Read + Seek> Seek for OpeningReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len()?.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Documents are sealed with the ring's current key, and opened with whichever of its keys they name.
/// What a document is (`what`) is bound to it: it must be the same text when it is opened, as
/// `plan of contacts, 2026-11-26`. The text is not in the document.
///
/// A saved plan has values in it:
///
/// ```
/// use fluxcascade_core::Plan;
/// use fluxcascade_store::sealed::{DocumentError, Keyring, SealingKey};
///
/// # fn save(plan: &Plan) -> Result<Plan, Box<dyn std::error::Error>> {
/// let ring = Keyring::new(SealingKey::new("2026-11", &[7; 32])?);
/// let sealed = ring.seal_document("plan of contacts", &serde_json::to_vec(plan)?)?;
/// // Kept, and approved; then:
/// let opened = ring.open_document("plan of contacts", &sealed)?;
/// let plan: Plan = serde_json::from_slice(&opened)?; // for engine.apply(&plan)
/// # Ok(plan)
/// # }
/// # let ring = Keyring::new(SealingKey::new("2026-11", &[7; 32]).unwrap());
/// # let sealed = ring.seal_document("plan of contacts", b"{}").unwrap();
/// # assert_eq!(ring.open_document("plan of contacts", &sealed).unwrap().as_slice(), b"{}");
/// let other = ring.open_document("plan of deals", &sealed).unwrap_err();
/// assert!(matches!(other, DocumentError::Changed { .. }));
/// ```
///
/// And so has an export of links, which may be too large to be held at once:
///
/// ```
/// # use std::io::Cursor;
/// # use fluxcascade_core::model::{MappingKey, Timestamp};
/// # use fluxcascade_core::store::{Lease, Store, TransferError, export_links, import_links};
/// # use fluxcascade_store::sealed::Keyring;
/// # async fn moved(ring: &Keyring, from: &dyn Store, to: &dyn Store, mapping: &MappingKey,
/// #     lease: &Lease, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let mut out = ring.sealing_writer("links of contacts", Vec::new())?; // or a file
/// export_links(from, mapping, &mut out).await?;
/// let sealed = out.finish()?;
///
/// let mut lines = ring.opening_reader("links of contacts", Cursor::new(sealed))?;
/// import_links(to, lease, now, &mut lines).await?;
/// # Ok(())
/// # }
/// ```
impl Keyring {
    /// Seals a document that is at hand.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn seal_document(&self, what: &str, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sealed = self.sealing_writer(what, Vec::with_capacity(bytes.len() + 128)).and_then(
            |mut writer| {
                writer.write_all(bytes)?;
                writer.finish()
            },
        );
        sealed.map_err(StoreError::failed)
    }

    /// Opens a document that is at hand.
    ///
    /// # Errors
    /// If it is not sealed, was changed or cut off, is another document, or its key is not in the ring.
    pub fn open_document(
        &self,
        what: &str,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DocumentError> {
        let mut opened = Zeroizing::new(Vec::with_capacity(bytes.len()));
        let read = self.opening_reader(what, io::Cursor::new(bytes)).and_then(|mut reader| {
            reader.read_to_end(&mut opened)?;
            Ok(())
        });
        match read {
            Ok(()) => Ok(opened),
            Err(error) => Err(told(error).unwrap_or_else(|| not_sealed(what))),
        }
    }

    /// Begins a document: what is written is sealed and written on.
    ///
    /// # Errors
    /// If writing fails, or the system has no randomness.
    pub fn sealing_writer<W: Write>(&self, what: &str, mut out: W) -> io::Result<SealingWriter<W>> {
        let mut drawn = [0; DRAWN];
        getrandom::fill(&mut drawn).map_err(io::Error::other)?;
        let key = self.sealing().clone();
        let id = key.id().as_str().as_bytes();
        let mut head = HEAD.to_vec();
        // An id has at most 32 bytes.
        head.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(id);
        head.extend_from_slice(&key.mark());
        head.extend_from_slice(&drawn);
        out.write_all(&head)?;
        let chunks = Chunks { key, what: what.to_owned(), head, drawn };
        Ok(SealingWriter { out, chunks, number: 0, waiting: Zeroizing::default() })
    }

    /// Begins to read a document, from where the reader stands to its end.
    ///
    /// # Errors
    /// If reading fails; with a [`DocumentError`] inside if it is not sealed, or its key is not in the
    /// ring. Reading on fails so where it was changed.
    pub fn opening_reader<R: Read + Seek>(
        &self,
        what: &str,
        mut from: R,
    ) -> io::Result<OpeningReader<R>> {
        let short = |error: io::Error| {
            let cut = error.kind() == io::ErrorKind::UnexpectedEof;
            if cut { invalid(not_sealed(what)) } else { error }
        };
        let mut fixed = [0; HEAD.len() + 1];
        from.read_exact(&mut fixed).map_err(short)?;
        let length = usize::from(fixed[HEAD.len()]);
        if fixed[..HEAD.len()] != HEAD || length > KeyId::MOST_BYTES {
            return Err(invalid(not_sealed(what)));
        }
        let mut rest = vec![0; length + 4 + DRAWN];
        from.read_exact(&mut rest).map_err(short)?;
        let (id, marks) = rest.split_at(length);
        let id = std::str::from_utf8(id).ok().and_then(|id| KeyId::new(id).ok());
        let id = id.ok_or_else(|| invalid(not_sealed(what)))?;
        let (mark, nonce) = marks.split_at(4);
        let Some(key) = self.key(id.as_str()) else {
            return Err(invalid(DocumentError::KeyLost { what: what.to_owned(), key: id }));
        };
        if key.mark() != mark {
            return Err(invalid(DocumentError::KeyWrong { what: what.to_owned(), key: id }));
        }
        let mut drawn = [0; DRAWN];
        drawn.copy_from_slice(nonce);
        let head = [&fixed[..], &rest].concat();
        let begin = from.stream_position()?;
        let sealed = from.seek(SeekFrom::End(0))?.saturating_sub(begin);
        let chunks = Chunks { key: key.clone(), what: what.to_owned(), head, drawn };
        Ok(OpeningReader { from, chunks, begin, sealed, open: None, at: 0 })
    }
}

fn not_sealed(what: &str) -> DocumentError {
    DocumentError::NotSealed { what: what.to_owned() }
}

fn invalid(error: DocumentError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The error of a document within one of reading.
fn told(error: io::Error) -> Option<DocumentError> {
    error.into_inner()?.downcast::<DocumentError>().ok().map(|error| *error)
}
