//! The machine that a pickle is a program for, as far as checkpoints need it: a stack, a memo, and an arena of values that only
//! grows. Instructions of protocols 0 to 5 are read; those that import by number or hand buffers over are refused, and a call makes
//! something only where `globals.rs` knows the name. One instruction makes at most one value, and nothing here recurses, so that
//! neither nesting nor cycles cost more than the pickle has bytes.

use std::collections::HashMap;

use super::globals::{Known, known};
use super::{MAX_VALUES, PickleProblem};
use crate::safetensors::Dtype;

/// A value's place in the arena.
pub type Id = u32;

/// What a pickle can make here. Text is a range of the pickle.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None, numbers that are no whole ones, bytes, sets, what inert calls made.
    Inert,
    /// True and False too.
    Int(i64),
    /// Where its text stands.
    Text(usize, usize),
    /// A tuple or a list.
    List(Vec<Id>),
    /// Keys and values as they were set.
    Dict(Vec<(Id, Id)>),
    /// A name, and what it is where it is known: module and name as texts.
    Global(Option<Known>, String),
    /// Bytes of the file, by their key.
    Storage {
        /// Their number format; `None` where the tensor says it.
        dtype: Option<Dtype>,
        /// The text of its key.
        key: Id,
        /// Elements, or bytes where there is no format.
        count: u64,
    },
    /// A view of a storage.
    Tensor(Box<View>),
}

/// A tensor as the pickle describes it; nothing of it is checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The storage.
    pub storage: Id,
    /// Its number format.
    pub dtype: Dtype,
    /// Elements of the storage before the first.
    pub offset: i64,
    /// Dimensions, outermost first.
    pub size: Vec<i64>,
    /// Elements between neighbours along each.
    pub stride: Vec<i64>,
}

/// What a pickle came to.
#[derive(Debug)]
pub struct Made<'a> {
    bytes: &'a [u8],
    values: Vec<Value>,
    /// The value at its end.
    pub root: Id,
    /// The byte after its last instruction.
    pub end: usize,
}

impl<'a> Made<'a> {
    /// The value at `id`, which is one of this pickle's.
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Inert)
    }

    /// Every value that was made.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// The text at `id`; `None` for anything else.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        text(self.bytes, self.get(id))
    }
}

fn text<'a>(bytes: &'a [u8], value: &Value) -> Option<&'a str> {
    match value {
        Value::Text(begin, end) => std::str::from_utf8(bytes.get(*begin..*end)?).ok(),
        _ => None,
    }
}

/// Runs the pickle at the beginning of `bytes`.
///
/// # Errors
/// [`PickleProblem`]: what it calls, an instruction that makes no sense, too many values, no end.
pub fn run(bytes: &[u8]) -> Result<Made<'_>, PickleProblem> {
    let mut machine = Machine {
        bytes,
        at: 0,
        values: vec![Value::Inert, Value::Int(0), Value::Int(1)],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copied: 0,
    };
    loop {
        let here = machine.at;
        let code = machine.byte()?;
        if code == b'.' {
            let root = machine.pop().ok_or(PickleProblem::Instruction { code, at: here })?;
            return Ok(Made {
                bytes,
                values: machine.values,
                root,
                end: machine.at,
            });
        }
        let done = machine.step(code)?;
        done.ok_or(PickleProblem::Instruction { code, at: here })?;
        if machine.values.len() > MAX_VALUES
            || machine.stack.len() > MAX_VALUES
            || machine.marks.len() > MAX_VALUES
            || machine.copied > MAX_VALUES
        {
            return Err(PickleProblem::TooMuch {
                what: "a pickle of more than a million objects",
            });
        }
    }
}

/// None, False and True: made once.
const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// What calls and names have copied of what is there already, in words: the one way in which an instruction makes much of little.
    copied: usize,
}

/// `None` where an instruction makes no sense.
type Done<T = ()> = Result<Option<T>, PickleProblem>;

impl<'a> Machine<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], PickleProblem> {
        let (begin, end) = self.range(count)?;
        Ok(&self.bytes[begin..end])
    }

    /// Where the next `count` bytes are, which are passed.
    fn range(&mut self, count: u64) -> Result<(usize, usize), PickleProblem> {
        let begin = self.at;
        let end = usize::try_from(count).ok().and_then(|count| begin.checked_add(count));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or(PickleProblem::Cut)?;
        self.at = end;
        Ok((begin, end))
    }

    fn byte(&mut self) -> Result<u8, PickleProblem> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number of so many bytes, at most 8.
    fn number(&mut self, bytes: u64) -> Result<u64, PickleProblem> {
        Ok(self
            .take(bytes)?
            .iter()
            .rev()
            .fold(0, |n, byte| (n << 8) | u64::from(*byte)))
    }

    /// Where the rest of the line is, without its end.
    fn line(&mut self) -> Result<(usize, usize), PickleProblem> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleProblem::Cut)?;
        let begin = self.at;
        self.at += end + 1;
        Ok((begin, begin + end))
    }

    fn line_text(&mut self) -> Result<Option<&'a str>, PickleProblem> {
        let (begin, end) = self.line()?;
        Ok(std::str::from_utf8(&self.bytes[begin..end]).ok())
    }

    fn push(&mut self, value: Value) {
        let id = self.values.len() as Id;
        self.values.push(value);
        self.stack.push(id);
    }

    /// Nothing below the last mark is taken.
    fn pop(&mut self) -> Option<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        (self.stack.len() > floor).then(|| self.stack.pop()).flatten()
    }

    fn top(&self) -> Option<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.get(floor..)?.last().copied()
    }

    fn cut_at_mark(&mut self) -> Option<Vec<Id>> {
        let mark = self.marks.pop()?;
        Some(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn step(&mut self, code: u8) -> Done {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => return Ok(self.discard()),
            b'1' => return Ok(self.cut_at_mark().map(drop)),
            b'2' => return Ok(self.top().map(|top| self.stack.push(top))),
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            0x80 => drop(self.byte()?),
            0x95 => drop(self.number(8)?),
            b'F' | b'G' | b'B' | b'C' | 0x8e | 0x96 | b'J' | b'K' | b'M' | b'I' | b'L' | 0x8a | 0x8b => {
                return self.number_or_bytes(code);
            }
            b'S' | b'V' | b'T' | b'X' | b'U' | 0x8c | 0x8d => return self.words(code),
            b')' | b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x8f => self.push(Value::Inert),
            b't' | b'l' | b'd' | 0x91 | 0x85..=0x87 | b'a' | b'e' | b's' | b'u' | 0x90 => {
                return Ok(self.container(code));
            }
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => return self.memory(code),
            b'c' | 0x93 | b'Q' | b'R' | 0x81 | 0x92 | b'b' | b'i' | b'o' => return self.object(code),
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    /// A mark counts as a value here, as in Python.
    fn discard(&mut self) -> Option<()> {
        match self.pop() {
            Some(_) => Some(()),
            None => self.marks.pop().map(drop),
        }
    }

    fn number_or_bytes(&mut self, code: u8) -> Done {
        let value = match code {
            b'J' => Value::Int(i64::from(self.number(4)? as u32 as i32)),
            b'K' => Value::Int(self.number(1)? as i64),
            b'M' => Value::Int(self.number(2)? as i64),
            b'I' | b'L' => {
                let Some(line) = self.line_text()? else { return Ok(None) };
                match line.trim_end_matches('L').trim().parse() {
                    Ok(number) => Value::Int(number),
                    Err(_) => return Ok(None),
                }
            }
            0x8a | 0x8b => {
                let count = self.number(if code == 0x8a { 1 } else { 4 })?;
                long(self.take(count)?)
            }
            _ => {
                match code {
                    b'F' => drop(self.line()?),
                    b'G' => drop(self.take(8)?),
                    b'B' | b'C' => {
                        let count = self.number(if code == b'C' { 1 } else { 4 })?;
                        self.take(count)?;
                    }
                    _ => {
                        let count = self.number(8)?;
                        self.take(count)?;
                    }
                }
                Value::Inert
            }
        };
        self.push(value);
        Ok(Some(()))
    }

    fn words(&mut self, code: u8) -> Done {
        let width = match code {
            b'U' | 0x8c => 1,
            0x8d => 8,
            b'T' | b'X' => 4,
            // In quotation marks, or not: as a key it is the same to whoever wrote it.
            _ => {
                let (begin, end) = self.line()?;
                let quoted = code == b'S' && end - begin >= 2;
                self.push(match quoted {
                    true => Value::Text(begin + 1, end - 1),
                    false => Value::Text(begin, end),
                });
                return Ok(Some(()));
            }
        };
        let count = self.number(width)?;
        let (begin, end) = self.range(count)?;
        self.push(Value::Text(begin, end));
        Ok(Some(()))
    }

    fn container(&mut self, code: u8) -> Option<()> {
        match code {
            b't' | b'l' => {
                let items = self.cut_at_mark()?;
                self.push(Value::List(items));
            }
            0x91 => {
                self.cut_at_mark()?;
                self.push(Value::Inert);
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x85..=code {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Value::List(items));
            }
            b'd' => {
                let items = pairs(&self.cut_at_mark()?)?;
                self.push(Value::Dict(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'e' => {
                let items = self.cut_at_mark()?;
                self.extend(&items)?;
            }
            0x90 => drop(self.cut_at_mark()?),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![(key, value)])?;
            }
            _ => {
                let items = pairs(&self.cut_at_mark()?)?;
                self.set(items)?;
            }
        }
        Some(())
    }

    fn extend(&mut self, items: &[Id]) -> Option<()> {
        let top = self.top()?;
        match self.values.get_mut(top as usize)? {
            Value::List(list) => list.extend(items),
            Value::Inert => {}
            _ => return None,
        }
        Some(())
    }

    fn set(&mut self, items: Vec<(Id, Id)>) -> Option<()> {
        let top = self.top()?;
        match self.values.get_mut(top as usize)? {
            Value::Dict(dict) => dict.extend(items),
            Value::Inert => {}
            _ => return None,
        }
        Some(())
    }

    fn memory(&mut self, code: u8) -> Done {
        let key = match code {
            0x94 => self.memo.len() as u64,
            b'q' | b'h' => self.number(1)?,
            b'r' | b'j' => self.number(4)?,
            _ => match self.line_text()?.and_then(|line| line.trim().parse().ok()) {
                Some(key) => key,
                None => return Ok(None),
            },
        };
        if matches!(code, b'g' | b'h' | b'j') {
            return Ok(self.memo.get(&key).map(|id| self.stack.push(*id)));
        }
        if self.memo.len() >= MAX_VALUES {
            return Err(PickleProblem::TooMuch {
                what: "a pickle that remembers more than a million objects",
            });
        }
        Ok(self.top().map(|top| {
            self.memo.insert(key, top);
        }))
    }

    fn object(&mut self, code: u8) -> Done {
        match code {
            b'c' => {
                let (Some(module), Some(name)) = (self.line_text()?, self.line_text()?) else {
                    return Ok(None);
                };
                self.global(module, name);
                Ok(Some(()))
            }
            0x93 => {
                let (Some(name), Some(module)) = (self.pop(), self.pop()) else {
                    return Ok(None);
                };
                let of = |id: Id| text(self.bytes, self.values.get(id as usize)?);
                let (Some(module), Some(name)) = (of(module), of(name)) else {
                    return Ok(None);
                };
                self.global(module, name);
                Ok(Some(()))
            }
            b'Q' => Ok(self.persistent()),
            b'R' | 0x81 => {
                let (Some(arguments), Some(callee)) = (self.pop(), self.pop()) else {
                    return Ok(None);
                };
                self.call(callee, arguments)
            }
            0x92 => {
                let (Some(_), Some(arguments), Some(callee)) = (self.pop(), self.pop(), self.pop()) else {
                    return Ok(None);
                };
                self.call(callee, arguments)
            }
            b'b' => {
                let (Some(_), Some(of)) = (self.pop(), self.top()) else {
                    return Ok(None);
                };
                match self.values.get(of as usize) {
                    // What torch keeps beside a dictionary or a tensor says nothing of its numbers.
                    Some(Value::Dict(_) | Value::Tensor(_) | Value::Inert) => Ok(Some(())),
                    Some(Value::Global(_, name)) => Err(PickleProblem::Calls { name: name.clone() }),
                    _ => Ok(None),
                }
            }
            // INST and OBJ: classes of Python 2, called with what is above the mark.
            b'i' => {
                let (Some(module), Some(name)) = (self.line_text()?, self.line_text()?) else {
                    return Ok(None);
                };
                Err(PickleProblem::Calls {
                    name: format!("{module}.{name}"),
                })
            }
            _ => {
                let class = self.cut_at_mark().and_then(|items| items.first().copied());
                match class.and_then(|class| self.values.get(class as usize)) {
                    Some(Value::Global(_, name)) => Err(PickleProblem::Calls { name: name.clone() }),
                    _ => Ok(None),
                }
            }
        }
    }

    fn global(&mut self, module: &str, name: &str) {
        let spelled: String = [module, ".", name]
            .iter()
            .flat_map(|part| part.chars())
            .take(200)
            .collect();
        self.copied += spelled.len() / 8;
        self.push(Value::Global(known(module, name), spelled));
    }

    /// `('storage', type, key, location, count)`, and in old files a sixth that is a view.
    fn persistent(&mut self) -> Option<()> {
        let id = self.pop()?;
        let items = self.list(id)?;
        let word = |id: &Id| text(self.bytes, self.values.get(*id as usize)?);
        let (kind, storage, key, count) = (items.first()?, items.get(1)?, *items.get(2)?, items.get(4)?);
        if word(kind) != Some("storage") || word(&key).is_none() {
            return None;
        }
        if items.get(5).is_some_and(|view| *view != NONE) {
            return None;
        }
        let dtype = match self.values.get(*storage as usize)? {
            Value::Global(Some(Known::Storage(dtype)), _) => *dtype,
            _ => return None,
        };
        let count = u64::try_from(self.int(*count)?).ok()?;
        self.push(Value::Storage { dtype, key, count });
        Some(())
    }

    fn call(&mut self, callee: Id, arguments: Id) -> Done {
        let (what, name) = match self.values.get(callee as usize) {
            Some(Value::Global(what, name)) => (*what, name.clone()),
            _ => return Ok(None),
        };
        let made = match what {
            None | Some(Known::Storage(_) | Known::Dtype(_)) => return Err(PickleProblem::Calls { name }),
            Some(Known::Inert) => Some(Value::Inert),
            Some(Known::Dict) => {
                let made = self.dict(arguments);
                self.copied += self
                    .argument(arguments, 0)
                    .and_then(|of| self.list(of))
                    .map_or(0, <[Id]>::len);
                made
            }
            Some(Known::Size) => {
                let items = self
                    .argument(arguments, 0)
                    .and_then(|of| self.list(of))
                    .map(<[Id]>::to_vec);
                self.copied += items.as_ref().map_or(0, Vec::len);
                items.map(Value::List)
            }
            Some(Known::Parameter) => {
                let data = self.argument(arguments, 0);
                let is_tensor = |id: &Id| matches!(self.values.get(*id as usize), Some(Value::Tensor(_)));
                return Ok(data.filter(is_tensor).map(|data| self.stack.push(data)));
            }
            Some(Known::Tensor) => self.view(arguments, None),
            Some(Known::TypedTensor) => {
                let dtype = self.argument(arguments, 6).and_then(|id| self.values.get(id as usize));
                match dtype {
                    Some(Value::Global(Some(Known::Dtype(dtype)), _)) => self.view(arguments, Some(*dtype)),
                    _ => None,
                }
            }
        };
        Ok(made.map(|made| self.push(made)))
    }

    fn dict(&self, arguments: Id) -> Option<Value> {
        let Some(items) = self.argument(arguments, 0) else {
            return Some(Value::Dict(Vec::new()));
        };
        let pair = |id: &Id| match self.list(*id)? {
            [key, value] => Some((*key, *value)),
            _ => None,
        };
        Some(Value::Dict(self.list(items)?.iter().map(pair).collect::<Option<_>>()?))
    }

    fn view(&self, arguments: Id, dtype: Option<Dtype>) -> Option<Value> {
        let storage = self.argument(arguments, 0)?;
        let Value::Storage { dtype: stored, .. } = self.values.get(storage as usize)? else {
            return None;
        };
        let numbers = |at: usize| -> Option<Vec<i64>> {
            let list = self.list(self.argument(arguments, at)?)?;
            // More dimensions than weights have is told where the tensor has a name.
            list.iter().take(64).map(|id| self.int(*id)).collect()
        };
        Some(Value::Tensor(Box::new(View {
            storage,
            dtype: dtype.or(*stored)?,
            offset: self.int(self.argument(arguments, 1)?)?,
            size: numbers(2)?,
            stride: numbers(3)?,
        })))
    }

    fn argument(&self, arguments: Id, at: usize) -> Option<Id> {
        self.list(arguments)?.get(at).copied()
    }

    fn list(&self, id: Id) -> Option<&[Id]> {
        match self.values.get(id as usize)? {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    fn int(&self, id: Id) -> Option<i64> {
        match self.values.get(id as usize)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}

fn pairs(items: &[Id]) -> Option<Vec<(Id, Id)>> {
    let chunks = items.chunks_exact(2);
    chunks
        .remainder()
        .is_empty()
        .then(|| items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

/// A whole number of any length, little endian; one beyond 64 bits is of no use here.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Inert;
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let fill = if negative { u64::MAX } else { 0 };
    let number = bytes.iter().rev().fold(fill, |n, byte| (n << 8) | u64::from(*byte));
    Value::Int(number as i64)
}
