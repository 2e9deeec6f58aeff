//! P30: what leaves a store for a file is sealed as what stays in it: saved plans, exports.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use fluxcascade_core::store::{Store, export_links, import_links};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::MemoryStore;
use fluxcascade_store::sealed::{DocumentError, Keyring};

use crate::key;
use crate::planted::found_in;
use crate::whole::the_link;

fn ring() -> Keyring {
    Keyring::new(key("one", 1))
}

/// Shorter than a chunk, as long as one, and longer; the length of a chunk is 64 KiB.
const SIZES: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 200_000];

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[test]
fn a_document_opens_as_what_it_was_sealed_as_and_as_nothing_else() {
    for size in SIZES {
        let (plain, ring) = (bytes(size), ring());
        let sealed = ring.seal_document("plan 1", &plain).unwrap();
        assert_eq!(ring.open_document("plan 1", &sealed).unwrap().as_slice(), plain);
        let other = ring.open_document("plan 2", &sealed).unwrap_err();
        assert!(matches!(other, DocumentError::Changed { .. }), "{other}");
        // The same once more is not the same bytes.
        assert_ne!(ring.seal_document("plan 1", &plain).unwrap(), sealed);
    }
}

#[test]
fn a_document_that_was_changed_cut_off_or_put_together_anew_does_not_open() {
    let ring = ring();
    let sealed = ring.seal_document("links", &bytes(200_000)).unwrap();
    let refuses = |changed: &[u8]| ring.open_document("links", changed).is_err();
    let places = (0..80).chain((80..sealed.len()).step_by(9_973)).chain([sealed.len() - 1]);
    for at in places {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(refuses(&changed), "byte {at}");
        assert!(refuses(&sealed[..at]), "cut off at {at}");
    }
    let chunk = 65_536 + 16;
    let head = sealed.len() - (3 * chunk + 200_000 - 3 * 65_536 + 16);
    let part = |n: usize| &sealed[head + n * chunk..head + (n + 1) * chunk];
    let last = &sealed[head + 3 * chunk..];
    let anew = |parts: &[&[u8]]| [&[&sealed[..head]], parts].concat().concat();
    assert_eq!(anew(&[part(0), part(1), part(2), last]), sealed);
    for parts in [
        vec![part(1), part(0), part(2), last],
        vec![part(0), part(1), last],
        vec![part(0), part(1), part(2)],
        vec![part(0), part(1), part(2), last, last],
        vec![last],
    ] {
        assert!(refuses(&anew(&parts)), "{}", parts.len());
    }
    let two = ring.seal_document("links", &bytes(200_000)).unwrap();
    let mixed = [&sealed[..head + chunk], &two[head + chunk..]].concat();
    assert!(refuses(&mixed), "chunks of two documents");
}

#[test]
fn another_key_and_no_key_are_refused_by_name_and_older_keys_open() {
    let sealed = ring().seal_document("the plan", b"planted before").unwrap();
    assert_eq!(found_in(&sealed), [""; 0]);
    let wrong = Keyring::new(key("one", 9)).open_document("the plan", &sealed).unwrap_err();
    assert!(matches!(wrong, DocumentError::KeyWrong { .. }));
    assert!(wrong.to_string().contains("the plan is sealed with another key"), "{wrong}");
    let lost = Keyring::new(key("two", 1)).open_document("the plan", &sealed).unwrap_err();
    assert!(matches!(lost, DocumentError::KeyLost { .. }));
    assert!(lost.to_string().contains("the key one, which is not in the keyring"), "{lost}");
    let plain = ring().open_document("the plan", b"{\"format\":1}").unwrap_err();
    assert!(matches!(plain, DocumentError::NotSealed { .. }), "{plain}");
    let rotated = Keyring::new(key("two", 2)).with_older(key("one", 1)).unwrap();
    let opened = rotated.open_document("the plan", &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"planted before");
}

#[test]
fn a_document_that_is_written_in_pieces_is_read_anywhere() {
    let (plain, ring) = (bytes(200_000), ring());
    let mut writer = ring.sealing_writer("links", b"before it ".to_vec()).unwrap();
    for piece in plain.chunks(777) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    let sealed = writer.finish().unwrap();
    let mut from = Cursor::new(sealed);
    from.set_position(10);
    let mut reader = ring.opening_reader("links", from).unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert_eq!(all, plain);
    for at in [0_u64, 65_535, 65_536, 131_073, 199_999] {
        let mut there = [0; 1];
        reader.seek(SeekFrom::Start(at)).unwrap();
        reader.read_exact(&mut there).unwrap();
        assert_eq!(there[0], plain[usize::try_from(at).unwrap()], "{at}");
    }
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 199_999);
    assert_eq!(reader.seek(SeekFrom::Current(1)).unwrap(), 200_000);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    assert!(reader.seek(SeekFrom::Current(-200_001)).is_err());
}

#[tokio::test]
async fn a_sealed_export_shows_no_value_and_is_imported() {
    let (from, to, ring) = (MemoryStore::new(), MemoryStore::new(), ring());
    // As wide as the layout of its revision.
    let mut link = the_link();
    link.bases.source.slots = link.bases.source.slots[..1].into();
    link.bases.target.slots = link.bases.target.slots[..2].into();
    let lease = leased(&from).await.unwrap();
    from.add_revision(&lease, &revision(1)).await.unwrap();
    from.commit(&lease, &links([link.clone()])).await.unwrap();
    let mut bare = Vec::new();
    export_links(&from, &contacts(), &mut bare).await.unwrap();
    let mut out = ring.sealing_writer("links of contacts", Vec::new()).unwrap();
    let exported = export_links(&from, &contacts(), &mut out).await.unwrap();
    let sealed = out.finish().unwrap();
    assert_eq!(found_in(&sealed), [""; 0]);
    assert!(!sealed.windows(10).any(|window| bare.windows(10).any(|part| part == window)));

    let lease = leased(&to).await.unwrap();
    let mut lines = ring.opening_reader("links of contacts", Cursor::new(&sealed)).unwrap();
    let imported = import_links(&to, &lease, at(1), &mut lines).await.unwrap();
    assert_eq!(imported, exported);
    assert_eq!(to.links(&contacts(), None, 9).await.unwrap(), [link]);

    // One that was changed is told before anything is stored.
    let mut changed = sealed;
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let other = MemoryStore::new();
    let lease = leased(&other).await.unwrap();
    let mut lines = ring.opening_reader("links of contacts", Cursor::new(changed)).unwrap();
    let refused = import_links(&other, &lease, at(1), &mut lines).await.unwrap_err();
    assert!(
        refused.to_string().contains("links of contacts, sealed with the key one"),
        "{refused}"
    );
    assert!(other.links(&contacts(), None, 9).await.unwrap().is_empty());
}
