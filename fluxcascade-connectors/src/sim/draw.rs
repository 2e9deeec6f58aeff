//! What is drawn from a seed. Draws are a function of what they are for, not of what was drawn
//! before, so that one more request does not move the others.

/// A number drawn for this purpose.
pub(crate) fn draw(seed: u64, purpose: &[u64]) -> u64 {
    purpose.iter().fold(mix(seed), |state, part| mix(state ^ part.wrapping_mul(0x9e37_79b9)))
}

/// A number below `bound`, drawn for this purpose; zero if `bound` is.
pub(crate) fn below(bound: u64, seed: u64, purpose: &[u64]) -> u64 {
    if bound == 0 { 0 } else { draw(seed, purpose) % bound }
}

/// One of these, drawn for this purpose.
pub(crate) fn pick<'a>(of: &[&'a str], seed: u64, purpose: &[u64]) -> &'a str {
    usize::try_from(below(of.len() as u64, seed, purpose))
        .ok()
        .and_then(|at| of.get(at).copied())
        .unwrap_or_default()
}

/// The finaliser of `SplitMix64`: every bit of the input moves every bit of the output.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
