//! Block 1: the value proposition, and the business metrics it is judged by.

use serde::{Deserialize, Serialize};

/// Block 1: the problem, and for whom solving it is worth what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValueProposition {
    /// What is wrong today.
    pub problem: Option<String>,
    /// Why that matters.
    pub importance: Option<String>,
    /// Who is in front of the page.
    pub end_user: Option<String>,
    /// Who the product is for ("For …").
    pub target_customer: Option<String>,
    /// What they need ("who …").
    pub need: Option<String>,
    /// The product's name ("our …").
    pub product: Option<String>,
    /// What kind of thing it is ("is a …").
    pub category: Option<String>,
    /// What it does for them ("that …").
    pub benefit: Option<String>,
    /// The numbers of the business that the predictions are for.
    pub business_metric: Vec<BusinessMetric>,
}

impl ValueProposition {
    /// "For X who Y, our Z is a C that B", or nothing when one of the five parts is not stated.
    ///
    /// ```
    /// let mut value = nearside::canvas::ValueProposition::default();
    /// assert_eq!(value.sentence(), None);
    /// value.target_customer = Some("lenders".into());
    /// value.need = Some("need an answer at once".into());
    /// value.product = Some("Loan Approval".into());
    /// value.category = Some("scoring widget".into());
    /// value.benefit = Some("answers in the page".into());
    /// let sentence = "For lenders who need an answer at once, our Loan Approval is a scoring widget that answers in the page.";
    /// assert_eq!(value.sentence().as_deref(), Some(sentence));
    /// ```
    pub fn sentence(&self) -> Option<String> {
        let [customer, need, product, category, benefit] =
            [&self.target_customer, &self.need, &self.product, &self.category, &self.benefit].map(Option::as_deref);
        let (customer, need, product, category, benefit) = (customer?, need?, product?, category?, benefit?);
        let article = if category.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        Some(format!("For {customer} who {need}, our {product} is {article} {category} that {benefit}."))
    }
}

/// A number of the business that is reported with the outcomes of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessMetric {
    /// The name that `outcome()` uses for it.
    pub name: String,
    /// Its unit, for example `EUR`.
    #[serde(default)]
    pub unit: Option<String>,
    /// Which way is good.
    #[serde(default)]
    pub direction: Direction,
    /// The mean per outcome that is aimed at.
    #[serde(default)]
    pub goal: Option<f64>,
}

/// Which way a number should move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    #[default]
    Increase,
    /// Less is better.
    Decrease,
}
