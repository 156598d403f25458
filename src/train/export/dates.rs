//! The parts of a moment, as nodes on whole numbers.

use super::inputs::to_float;
use super::{index, number};
use crate::canvas::DatePart;
use crate::error::Result;
use crate::onnx::{Attribute, GraphBuilder};
use crate::tensor::{Data, Tensor};
use crate::train::dates::{circle, cycle};
use crate::train::{DateColumn, DateForm};
use std::collections::HashMap;

/// The days of the 400 years after which the calendar repeats itself.
const ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01, in days.
const MARCH: i64 = 719_468;
/// So many eras are put before every moment: then no number is below 0, and a division that drops the rest is the one that
/// rounds down. It reaches back beyond the first moment that JavaScript knows.
const ERAS: i64 = 700;

/// Adds the nodes of the columns of a `[batch, 1]` moment in milliseconds; gives the name of the columns.
pub(super) fn columns(graph: &mut GraphBuilder, ms: &str, since: i64, columns: &[DateColumn]) -> Result<String> {
    let mut date = Date::new(graph, ms)?;
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let part = date.part(column.part, since)?;
        names.push(match column.form {
            DateForm::Number { shift, scale } => {
                let mut value = to_float(date.graph, &part);
                if (shift, scale) != (0.0, 1.0) {
                    let (shift, scale) = (number(date.graph, shift)?, number(date.graph, scale)?);
                    let moved = date.graph.node("Sub", &[&value, &shift], &[]);
                    value = date.graph.node("Mul", &[&moved, &scale], &[]);
                }
                value
            }
            DateForm::Cycle { period } => {
                let first = cycle(column.part).map_or(0, |(_, first)| first);
                let place = date.with("Sub", &part, first)?;
                let table = Tensor::new(vec![period, 2], Data::F32(circle(period).concat()))?;
                let table = date.graph.constant(&table)?;
                let found = date.graph.node("Gather", &[&table, &place], &[Attribute::Int("axis", 0)]);
                date.graph.node("Flatten", &[&found], &[Attribute::Int("axis", 1)])
            }
        });
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(match names.as_slice() {
        [only] => (*only).to_owned(),
        names => graph.node("Concat", names, &[Attribute::Int("axis", 1)]),
    })
}

/// The nodes of one moment so far: each is made once.
struct Date<'g> {
    graph: &'g mut GraphBuilder,
    /// Milliseconds since the first of the eras.
    ms: String,
    /// Days since then.
    day: String,
    made: HashMap<&'static str, String>,
}

impl<'g> Date<'g> {
    fn new(graph: &'g mut GraphBuilder, ms: &str) -> Result<Self> {
        let start = index(graph, &[(MARCH + ERAS * ERA) * 86_400_000])?;
        let ms = graph.node("Add", &[ms, &start], &[]);
        let length = index(graph, &[86_400_000])?;
        let day = graph.node("Div", &[&ms, &length], &[]);
        Ok(Self { graph, ms, day, made: HashMap::new() })
    }

    /// A value with a constant.
    fn with(&mut self, operator: &str, value: &str, constant: i64) -> Result<String> {
        if constant == 0 && operator != "Mul" && operator != "Div" {
            return Ok(value.to_owned());
        }
        let constant = index(self.graph, &[constant])?;
        Ok(self.graph.node(operator, &[value, &constant], &[]))
    }

    fn two(&mut self, operator: &str, left: &str, right: &str) -> String {
        self.graph.node(operator, &[left, right], &[])
    }

    /// What a division by a constant leaves.
    fn rest(&mut self, value: &str, by: i64) -> Result<String> {
        let times = self.with("Div", value, by)?;
        let whole = self.with("Mul", &times, by)?;
        Ok(self.two("Sub", value, &whole))
    }

    /// A value that several parts need.
    fn once(&mut self, name: &'static str, make: impl FnOnce(&mut Self) -> Result<String>) -> Result<String> {
        if let Some(made) = self.made.get(name) {
            return Ok(made.clone());
        }
        let value = make(self)?;
        self.made.insert(name, value.clone());
        Ok(value)
    }

    /// The day of its era, from 0.
    fn of_era(&mut self) -> Result<String> {
        let day = self.day.clone();
        self.once("day of era", |date| date.rest(&day, ERA))
    }

    /// The year of its era: `(day − day/1460 + day/36524 − day/146096) / 365`.
    fn year(&mut self) -> Result<String> {
        let day = self.of_era()?;
        self.once("year", |date| {
            let [fours, hundreds, last] = [1_460, 36_524, 146_096].map(|days| date.with("Div", &day, days));
            let less = date.two("Sub", &day, &fours?);
            let more = date.two("Add", &less, &hundreds?);
            let days = date.two("Sub", &more, &last?);
            date.with("Div", &days, 365)
        })
    }

    /// The day of its year, which begins in March: `day − (365·year + year/4 − year/100)`.
    fn of_year(&mut self) -> Result<String> {
        let (day, year) = (self.of_era()?, self.year()?);
        self.once("day of year", |date| {
            let (days, leap, none) =
                (date.with("Mul", &year, 365)?, date.with("Div", &year, 4)?, date.with("Div", &year, 100)?);
            let days = date.two("Add", &days, &leap);
            let days = date.two("Sub", &days, &none);
            Ok(date.two("Sub", &day, &days))
        })
    }

    /// The month, of which March is 0: `(5·day + 2) / 153`.
    fn month(&mut self) -> Result<String> {
        let day = self.of_year()?;
        self.once("month", |date| {
            let fives = date.with("Mul", &day, 5)?;
            let fives = date.with("Add", &fives, 2)?;
            date.with("Div", &fives, 153)
        })
    }

    /// One part, as `crate::train::dates::part` computes it.
    fn part(&mut self, part: DatePart, since: i64) -> Result<String> {
        let (ms, day) = (self.ms.clone(), self.day.clone());
        match part {
            DatePart::Hour => {
                let of_day = self.rest(&ms, 86_400_000)?;
                self.with("Div", &of_day, 3_600_000)
            }
            DatePart::Weekday => {
                let monday = (3 - MARCH - ERAS * ERA).rem_euclid(7);
                let day = self.with("Add", &day, monday)?;
                self.rest(&day, 7)
            }
            DatePart::Month => {
                let month = self.month()?;
                let moved = self.with("Add", &month, 2)?;
                let month = self.rest(&moved, 12)?;
                self.with("Add", &month, 1)
            }
            DatePart::Day => {
                let (day, month) = (self.of_year()?, self.month()?);
                let days = self.with("Mul", &month, 153)?;
                let days = self.with("Add", &days, 2)?;
                let days = self.with("Div", &days, 5)?;
                let day = self.two("Sub", &day, &days);
                self.with("Add", &day, 1)
            }
            DatePart::Year => {
                let (year, month) = (self.year()?, self.month()?);
                let era = self.with("Div", &day, ERA)?;
                let years = self.with("Mul", &era, 400)?;
                let year = self.two("Add", &years, &year);
                // January and February belong to the year that began in March.
                let next = self.with("Div", &month, 10)?;
                let year = self.two("Add", &year, &next);
                self.with("Sub", &year, ERAS * 400)
            }
            DatePart::DaysSince => self.with("Sub", &day, MARCH + ERAS * ERA + since),
        }
    }
}
