//! One tensor of the rows of several requests: one copy, into memory aligned as TensorFlow wants it.

use std::ops::Range;

use servable_codec::{AlignedBuf, Code, DType, Error, ViewData};

use super::lanes::Piece;
use super::rows::part;
use super::task::Task;
use crate::runner::{Runner, RunnerTensor};

/// The rows of one request in one input.
pub(super) struct Source<'a, T> {
    pub tensor: &'a T,
    pub rows: Range<usize>,
}

/// The feeds of a batch, in the order of its queue. `padded` is its size with the padding of rows.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for them.
pub(super) fn feeds<R: Runner>(
    runner: &R,
    pieces: &[Piece<Task<R>>],
    padded: usize,
) -> Result<Vec<R::Tensor>, Error> {
    let Some(first) = pieces.first() else {
        return Ok(Vec::new());
    };
    let count = first.task.request.route.inputs.len();
    (0..count)
        .map(|input| {
            let sources: Vec<_> = pieces
                .iter()
                .map(|piece| {
                    let request = &piece.task.request;
                    Source {
                        tensor: &request.work.feeds[request.route.inputs[input].at],
                        rows: piece.rows.clone(),
                    }
                })
                .collect();
            merged(runner, &sources, padded)
        })
        .collect()
}

/// Some elements of a padded tensor.
enum Span {
    /// As they are.
    Copy(Range<usize>),
    /// The tensor's first one, so many times.
    Fill(usize),
}

/// Merges rows of equal rank; inner dimensions are padded to the largest.
pub(super) fn merged<R: Runner>(
    runner: &R,
    sources: &[Source<'_, R::Tensor>],
    padded: usize,
) -> Result<R::Tensor, Error> {
    let first = sources
        .first()
        .ok_or_else(|| Error::new(Code::Internal, "a batch without a request"))?;
    let dtype = first.tensor.dtype();
    let mut inner: Vec<usize> = dims(&first.tensor.shape()[1..]);
    for source in sources {
        for (most, dim) in inner.iter_mut().zip(dims(&source.tensor.shape()[1..])) {
            *most = (*most).max(dim);
        }
    }
    let mut shape = vec![i64::try_from(padded).unwrap_or(i64::MAX)];
    shape.extend(
        inner
            .iter()
            .map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)),
    );
    if dtype == DType::STRING {
        return strings(runner, sources, (&inner, padded), &shape);
    }
    let size = dtype.size().unwrap_or(1);
    let bytes = inner
        .iter()
        .chain([&padded, &size])
        .try_fold(1usize, |all, dim| all.checked_mul(*dim));
    let mut out = bytes
        .and_then(AlignedBuf::try_with_capacity)
        .ok_or_else(|| Error::new(Code::ResourceExhausted, "no memory for a merged batch"))?;
    let mut rows = 0;
    let mut last = 0;
    for source in sources {
        let ViewData::Bytes(all) = source.tensor.data() else {
            return Err(Error::new(Code::Internal, "a number tensor without bytes"));
        };
        last = out.len();
        rows += source.rows.len();
        let own = &all[part(source.tensor, all.len(), &source.rows)];
        spans(source, &inner, &mut |span| match span {
            Span::Copy(elements) => {
                out.extend_from_slice(&own[elements.start * size..elements.end * size]);
            }
            Span::Fill(count) => out.extend_repeated(&all[..size], count),
        });
    }
    let row = inner.iter().product::<usize>() * size;
    let copy = out.as_slice()[last..last + row].to_vec();
    (rows..padded).for_each(|_| out.extend_from_slice(&copy));
    runner.tensor(dtype, &shape, out)
}

fn strings<R: Runner>(
    runner: &R,
    sources: &[Source<'_, R::Tensor>],
    (inner, padded): (&[usize], usize),
    shape: &[i64],
) -> Result<R::Tensor, Error> {
    let mut all: Vec<&[u8]> = Vec::new();
    let mut rows = 0;
    let mut last = 0;
    for source in sources {
        let ViewData::Strings(strings) = source.tensor.data() else {
            return Err(Error::new(
                Code::Internal,
                "a string tensor without strings",
            ));
        };
        last = all.len();
        rows += source.rows.len();
        let own = part(source.tensor, strings.len(), &source.rows);
        spans(source, inner, &mut |span| match span {
            Span::Copy(elements) => {
                all.extend(elements.map(|element| strings.get(own.start + element)));
            }
            Span::Fill(count) => all.extend(std::iter::repeat_n(strings.get(0), count)),
        });
    }
    let row = inner.iter().product::<usize>();
    for _ in rows..padded {
        all.extend_from_within(last..last + row);
    }
    runner.string_tensor(shape, all.iter().copied())
}

/// The elements of a source's rows, counted from its first row, with the padding of their inner dimensions.
fn spans<T: RunnerTensor>(source: &Source<'_, T>, inner: &[usize], emit: &mut dyn FnMut(Span)) {
    let own = dims(&source.tensor.shape()[1..]);
    let rows = source.rows.len();
    if own == inner {
        emit(Span::Copy(0..rows * inner.iter().product::<usize>()));
        return;
    }
    let stride: usize = own.iter().product();
    for row in 0..rows {
        padded_spans(row * stride, (&own, inner), emit);
    }
}

fn padded_spans(at: usize, (from, to): (&[usize], &[usize]), emit: &mut dyn FnMut(Span)) {
    match (from, to) {
        ([have], [want]) => {
            emit(Span::Copy(at..at + have));
            emit(Span::Fill(want - have));
        }
        ([have, from @ ..], [want, to @ ..]) => {
            let stride: usize = from.iter().product();
            for index in 0..*have {
                padded_spans(at + index * stride, (from, to), emit);
            }
            emit(Span::Fill((want - have) * to.iter().product::<usize>()));
        }
        _ => emit(Span::Copy(at..at + 1)),
    }
}

fn dims(shape: &[i64]) -> Vec<usize> {
    shape
        .iter()
        .map(|dim| usize::try_from(*dim).unwrap_or(0))
        .collect()
}
