//! Which requests of a batch can be merged: only those that cannot are refused.

use servable_codec::{Code, Error};

use super::lanes::Piece;
use super::route::Input;
use super::task::Task;
use crate::runner::{Runner, RunnerTensor};

/// Ranks that can be padded, as in TensorFlow Serving.
const PADDED_RANKS: std::ops::RangeInclusive<usize> = 1..=6;

/// Pieces that are refused, with the reason.
type Misfits<R> = Vec<(Piece<Task<R>>, Error)>;

/// Parts the pieces of a batch into those that merge and those that are refused, with the reason.
///
/// Where shapes differ, those that agree with the signature stay; of several such shapes, the one most requests have; then
/// the one that came first.
pub(super) fn sort_out<R: Runner>(
    pieces: Vec<Piece<Task<R>>>,
) -> (Vec<Piece<Task<R>>>, Misfits<R>) {
    let Some(first) = pieces.first() else {
        return (pieces, Vec::new());
    };
    let route = &first.task.request.route;
    let pads = route.registry.parameters.pad;
    if pieces
        .iter()
        .all(|piece| differs(first, piece, pads).is_none())
    {
        return if pads {
            paddable(pieces)
        } else {
            (pieces, Vec::new())
        };
    }
    let model = model(&pieces, pads);
    let mut refused = Vec::new();
    let mut stay = Vec::new();
    let misfits: Vec<_> = pieces
        .iter()
        .map(|piece| differs(&pieces[model], piece, pads))
        .collect();
    for (piece, misfit) in pieces.into_iter().zip(misfits) {
        match misfit {
            None => stay.push(piece),
            Some(error) => refused.push((piece, error)),
        }
    }
    if pads {
        let (padded, more) = paddable(stay);
        stay = padded;
        refused.extend(more);
    }
    (stay, refused)
}

/// The piece whose shape the batch will have.
fn model<R: Runner>(pieces: &[Piece<Task<R>>], pads: bool) -> usize {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let same = groups
            .iter_mut()
            .find(|(model, _)| differs(&pieces[*model], piece, pads).is_none());
        match same {
            Some((_, count)) => *count += 1,
            None => groups.push((at, 1)),
        }
    }
    let best = groups
        .into_iter()
        .max_by_key(|(at, count)| (declared(&pieces[*at]), *count, std::cmp::Reverse(*at)));
    best.map_or(0, |(at, _)| at)
}

/// Requests of one queue may be of several signatures, whose feeds are in another order each; routes have one order.
fn shape<R: Runner>(piece: &Piece<Task<R>>, input: usize) -> &[i64] {
    let request = &piece.task.request;
    request.work.feeds[request.route.inputs[input].at].shape()
}

/// Whether a request has the shapes its signature declares.
fn declared<R: Runner>(piece: &Piece<Task<R>>) -> bool {
    let inputs = piece.task.request.route.inputs.iter().enumerate();
    inputs.into_iter().all(|(at, input)| {
        let got = shape(piece, at);
        input.shape.as_ref().is_none_or(|wanted| {
            got.len() == wanted.len()
                && got
                    .iter()
                    .zip(wanted)
                    .all(|(got, wanted)| *wanted < 0 || got == wanted)
        })
    })
}

/// Why two pieces cannot be merged.
fn differs<R: Runner>(a: &Piece<Task<R>>, b: &Piece<Task<R>>, pads: bool) -> Option<Error> {
    let mut inputs = a.task.request.route.inputs.iter().enumerate();
    inputs.find_map(|(at, Input { tensor_name: name, .. })| {
        let (a, b) = (shape(a, at), shape(b, at));
        let text = if pads {
            (a.len() != b.len()).then(|| {
                format!(
                    "Tensors with name '{name}' from different tasks have different ranks: {} and {}",
                    a.len(),
                    b.len()
                )
            })
        } else {
            (a.get(1..) != b.get(1..)).then(|| {
                format!(
                    "Tensors with name '{name}' from different tasks have different shapes and padding is turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions starting with the first dim."
                )
            })
        };
        text.map(|text| Error::new(Code::FailedPrecondition, text))
    })
}

/// Of pieces of equal ranks, refuses what cannot be padded where padding is needed.
fn paddable<R: Runner>(pieces: Vec<Piece<Task<R>>>) -> (Vec<Piece<Task<R>>>, Misfits<R>) {
    let mut refused = Vec::new();
    let mut stay = pieces;
    for at in 0..stay
        .first()
        .map_or(0, |p| p.task.request.route.inputs.len())
    {
        let Some(first) = stay.first() else { break };
        let wanted = shape(first, at);
        if stay
            .iter()
            .all(|piece| shape(piece, at)[1..] == wanted[1..])
        {
            continue;
        }
        let rank_fits = PADDED_RANKS.contains(&wanted.len());
        let reasons: Vec<_> = stay
            .iter()
            .enumerate()
            .map(|(index, piece)| {
                if !rank_fits {
                    // The first one has the shape that the others would have to be padded to.
                    (index > 0).then_some("Only tensors with rank from 1 to 6 can be padded.")
                } else {
                    // There is no first element to pad it with.
                    let is_empty = shape(piece, at).contains(&0);
                    is_empty.then_some("Got empty tensor in batch of non-empty tensors.")
                }
            })
            .collect();
        let mut left = Vec::new();
        for (piece, reason) in stay.into_iter().zip(reasons) {
            match reason {
                None => left.push(piece),
                Some(text) => refused.push((piece, Error::invalid(text))),
            }
        }
        stay = left;
    }
    (stay, refused)
}
