//! A small service with made-up traffic, and what its report must say.

mod canvas_view;
mod properties;
mod report;
mod rules;
mod simulation;

use super::*;
use crate::bundle::{Baseline, BaselineFeature, Budgets, Manifest, Roles, TaskSchema, TelemetrySettings};
use crate::canvas::{Band, BusinessMetric, Direction, FeatureKind, Missing, Rule, RuleAction, TaskKind};
use crate::features::{FeatureSchema, GroupSchema, Observation, Value};
use crate::profile::{Layout, PageStage, Profile, Stage, bucket_of};
use std::collections::BTreeMap;

fn feature(name: &str, kind: FeatureKind) -> FeatureSchema {
    FeatureSchema {
        name: name.into(),
        kind,
        unit: None,
        range: None,
        values: vec![],
        missing: Missing::Median,
        note: None,
        bins: vec![],
        example: Value::Missing,
        feeds: None,
    }
}

/// Two features (`income` in deciles of 0…1, `purpose`), one group, three bands.
fn manifest() -> Manifest {
    let mut income = feature("income", FeatureKind::Number);
    income.unit = Some("EUR".into());
    income.range = Some([-1.0, 2.0]);
    income.bins = (1..10).map(|edge| f64::from(edge) / 10.0).collect();
    let mut purpose = feature("purpose", FeatureKind::Category);
    purpose.values = ["car", "home", "other"].map(String::from).to_vec();
    let band = |at_least: f64, action: &str| Band { at_least, action: action.into() };
    Manifest {
        format: 1,
        name: "loan-approval".into(),
        version: "0a1b2c3d4e5f".into(),
        canvas_digest: String::new(),
        engine: "tract".into(),
        files: BTreeMap::new(),
        plan_sha256: None,
        task: TaskSchema {
            kind: TaskKind::Classification,
            target: "repaid".into(),
            classes: vec!["no".into(), "yes".into()],
            positive: Some("yes".into()),
        },
        inputs: vec![],
        outputs: vec![],
        roles: Roles { probabilities: Some("probabilities".into()), ..Roles::default() },
        features: vec![income, purpose],
        groups: vec![GroupSchema { name: "sex".into(), values: vec!["female".into(), "male".into()] }],
        bands: vec![band(0.75, "accept"), band(0.45, "review"), band(0.0, "decline")],
        favourable: vec!["accept".into()],
        fallback: Some("review".into()),
        explanation: None,
        telemetry: TelemetrySettings::default(),
        budgets: Budgets { first_prediction_ms: 3_000.0, latency_p95_ms: Some(10.0) },
        business_metrics: vec![BusinessMetric {
            name: "repaid_value".into(),
            unit: Some("EUR".into()),
            direction: Direction::Increase,
            goal: Some(100.0),
        }],
    }
}

/// 5,000 rows: income spread evenly, purposes 2 : 2 : 1, nothing missing.
fn baseline() -> Baseline {
    let mut income = vec![500; 10];
    income.extend([0, 0, 0]);
    let purpose = vec![2_000, 2_000, 1_000, 0, 0];
    Baseline {
        rows: 5_000,
        features: vec![
            BaselineFeature { counts: income, mean: Some(0.5), standard_deviation: Some(0.289) },
            BaselineFeature { counts: purpose, mean: None, standard_deviation: None },
        ],
        scores: vec![20; 256],
        actions: vec![],
    }
}

/// A profile that is filled by hand.
#[derive(Debug)]
struct Traffic {
    manifest: Manifest,
    layout: Layout,
    profile: Profile,
}

impl Traffic {
    fn new() -> Self {
        let manifest = manifest();
        let layout = Layout::new(&manifest);
        let profile = Profile::new(&layout);
        Self { manifest, layout, profile }
    }

    fn sessions(&mut self, count: u64) {
        self.profile.add(self.layout.sessions(), count);
    }

    fn predict(&mut self, income: f64, purpose: usize, accepted: bool, sex: usize) {
        let (layout, profile) = (&self.layout, &mut self.profile);
        profile.count(layout.predictions());
        profile.count(layout.observation(0, Observation::Number(income)));
        profile.moments[0].push(income);
        profile.count(layout.observation(1, Observation::Category(purpose)));
        profile.count(layout.score(if accepted { 0.82 } else { 0.52 }));
        profile.count(layout.action(usize::from(!accepted)));
        profile.count(layout.group(0, Some(sex), accepted));
    }

    /// `count` predictions like the reference rows, the share `rates[sex]` of each sex accepted.
    fn like_reference(&mut self, count: u64, rates: [f64; 2]) {
        let mut seen = [0u64; 2];
        let mut accepted = [0u64; 2];
        for index in 0..count {
            let sex = (index % 2) as usize;
            seen[sex] += 1;
            let accept = (seen[sex] as f64 * rates[sex]).floor() as u64 > accepted[sex];
            accepted[sex] += u64::from(accept);
            let income = (index % 10) as f64 / 10.0 + 0.05;
            self.predict(income, [0, 0, 1, 1, 2][(index / 10 % 5) as usize], accept, sex);
        }
    }

    fn times(&mut self, stage: Stage, ms: f64, count: u64) {
        let place = self.layout.stage(stage).start + bucket_of(ms);
        self.profile.add(place, count);
        let budget = self.manifest.budgets.latency_p95_ms.unwrap();
        if stage == Stage::Answer && ms > budget {
            self.profile.add(self.layout.over_latency(), count);
        }
    }

    fn pages(&mut self, stage: PageStage, count: u64) {
        self.profile.add(self.layout.page(stage), count);
    }

    fn outcomes(&mut self, score: f64, positive: bool, count: u64) {
        let place = self.layout.outcomes(positive).start + crate::profile::score_bin(score);
        self.profile.add(place, count);
    }

    fn report(&self) -> Report {
        report(&self.manifest, Some(&baseline()), &self.profile, Span::default())
    }
}

fn rule(metric: &str) -> Rule {
    Rule {
        metric: metric.into(),
        by: None,
        feature: None,
        window: "1d".into(),
        warn: None,
        alert: None,
        alert_below: None,
        min_count: None,
        action: RuleAction::Notify,
        cool_down: None,
    }
}
