//! A program as a line of text, as a node's attribute holds it: `2;Sub 0 1;Max 2 #0.5;>3` reads two tensors and gives the value of the second step.

use std::fmt;
use std::str::FromStr;

use super::{Function, Program, ProgramStep, StepInput};
use crate::error::internal::{Context, bail, ensure};
use crate::error::{Error, Result};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.inputs)?;
        for step in &self.steps {
            write!(f, ";{:?}", step.function)?;
            for operand in &step.operands {
                match operand {
                    StepInput::Value(place) => write!(f, " {place}")?,
                    StepInput::Number(value) => write!(f, " #{value:e}")?,
                }
            }
        }
        for output in &self.outputs {
            write!(f, ";>{}", self.inputs + output)?;
        }
        Ok(())
    }
}

impl FromStr for Program {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(';');
        let inputs = parts.next().and_then(|n| n.parse().ok());
        let mut program = Self {
            inputs: inputs.context("a program begins with the number of its inputs")?,
            steps: vec![],
            outputs: vec![],
        };
        for part in parts {
            match part.strip_prefix('>') {
                Some(place) => {
                    let place: usize = place.parse().ok().context("an output is no place")?;
                    let step = place.checked_sub(program.inputs);
                    let step = step.filter(|&step| step < program.steps.len());
                    program.outputs.push(step.context("an output is no step")?);
                }
                None => {
                    let step = program.step(part)?;
                    program.steps.push(step);
                }
            }
        }
        ensure!(!program.outputs.is_empty(), "a program has no output");
        Ok(program)
    }
}

impl Program {
    fn step(&self, text: &str) -> Result<ProgramStep> {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let function = Function::ALL
            .into_iter()
            .find(|function| format!("{function:?}") == name);
        let function = function.with_context(|| format!("there is no function '{name}'"))?;
        let known = self.inputs + self.steps.len();
        let operands = words.map(|word| match word.strip_prefix('#') {
            Some(number) => match number.parse() {
                Ok(number) => Ok(StepInput::Number(number)),
                Err(_) => bail!("'{number}' is no number"),
            },
            None => match word.parse() {
                Ok(place) if place < known => Ok(StepInput::Value(place)),
                _ => bail!("'{word}' is no value that is there"),
            },
        });
        let operands = operands.collect::<Result<Vec<_>>>()?;
        ensure!(
            operands.len() == function.arity(),
            "'{name}' takes {} operands",
            function.arity()
        );
        Ok(ProgramStep { function, operands })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads_back_what_it_writes() {
        for text in [
            "2;Sub 0 1;Max 2 #5e-1;>3",
            "3;IfLess 0 #0e0 1 2;Sqrt 3;>3;>4",
        ] {
            assert_eq!(text.parse::<Program>().unwrap().to_string(), text);
        }
        assert_eq!(
            "1;Max 0 #-inf;>1".parse::<Program>().unwrap().steps.len(),
            1
        );
    }

    #[test]
    fn mistakes_are_refused() {
        for text in [
            "",
            "1",
            "1;Sub 0 1;>1",
            "1;Sub 0;>1",
            "1;Tan 0;>1",
            "1;Abs 0;>2",
            "1;Abs 0;>0",
            "1;Max 0 #x;>1",
        ] {
            assert!(text.parse::<Program>().is_err(), "{text}");
        }
    }
}
