use super::*;
use crate::bundle::BuildSource;
use crate::canvas::*;
use crate::time::Millis;

fn canvas() -> Canvas {
    let mut canvas = Canvas { name: "loan-approval".into(), ..Canvas::default() };
    canvas.value_proposition.problem = Some("Applicants wait three days".into());
    canvas.value_proposition.business_metric = manifest().business_metrics;
    canvas.prediction_task.target = "repaid".into();
    canvas.prediction_task.complexity.max_bundle_kb = Some(300.0);
    canvas.data_sources = vec![DataSource {
        name: "applications".into(),
        kind: SourceKind::Csv,
        location: "data/applications.csv".into(),
        licence: Some("internal".into()),

        refresh: Some("1d".into()),
        cost: SourceCost { per_row: 0.001, ..SourceCost::default() },
        ..DataSource::default()
    }];
    canvas.decisions.bands = manifest().bands;
    canvas.decisions.review = Some(Review { minutes: 6.0, cost_per_hour: 40.0 });
    canvas.collecting_data.label_cost = 0.4;
    canvas.building_models.cost_per_hour = 3.6;
    canvas.building_models.currency = Some("EUR".into());
    let mut drift = rule("population_stability_index");
    (drift.feature, drift.warn, drift.alert, drift.min_count) = (Some("*".into()), Some(0.1), Some(0.25), Some(500));
    canvas.live_monitoring.rule = vec![drift];
    canvas.offline_evaluation.gates = vec![Gate {
        metric: "demographic_parity_ratio".into(),
        by: Some("sex".into()),
        min: Some(0.8),
        ..Gate::default()
    }];
    canvas
}

fn live() -> Live {
    Live {
        now: Some(Millis(10 * Millis::DAY.0)),
        dataset_rows: Some(20_000),
        dataset_bytes: Some(2_400_000),
        snapshot_at: Some(Millis(10 * Millis::DAY.0 - Millis::HOUR.0 * 3)),
        missing_share: Some(0.02),
        sources: vec![BuildSource {
            name: "applications".into(),
            synthetic: false,
            rows: 20_000,
            cost: 20.0,
            storage_per_month: 0.0,
        }],
        bundle_bytes: Some(412_000),
        parameters: Some(24),
        gates: vec![GateResult {
            metric: "demographic_parity_ratio".into(),
            by: Some("sex".into()),
            value: Some(0.87),
            min: Some(0.8),
            max: None,
            passed: true,
        }],
        build: Some(Build {
            version: "0a1b2c3d4e5f".into(),
            at: Some(Millis(10 * Millis::DAY.0 - Millis::HOUR.0)),
            reason: Some("the fairness rule fired".into()),
            seconds: Some(100.0),
            previous: None,
        }),
        mode: Some("full".into()),
        labels: Some(40),
        alerts_open: Some(1),
        last_alert: Some("Income has drifted.".into()),
    }
}

fn traffic_report() -> Report {
    let mut traffic = Traffic::new();
    traffic.like_reference(1_000, [0.6, 0.6]);
    traffic.sessions(1_000);
    traffic.times(Stage::Run, 2.0, 1_000);
    traffic.pages(PageStage::Predicted, 1_000);
    traffic.profile.add(traffic.layout.within_budget(), 990);
    traffic.outcomes(0.8, true, 50);
    let span = Span { from: Some(Millis(9 * Millis::DAY.0)), to: Some(Millis(10 * Millis::DAY.0)) };
    report(&traffic.manifest, Some(&baseline()), &traffic.profile, span)
}

fn block<'a>(view: &'a CanvasView, id: &str) -> &'a Block {
    view.blocks.iter().find(|block| block.id == id).unwrap()
}

fn shown<'a>(block: &'a Block, label: &str) -> &'a Shown {
    block.live.iter().find(|shown| shown.label == label).unwrap_or_else(|| panic!("{label} is not in {block:?}"))
}

#[test]
fn a_canvas_alone_is_grey() {
    let nothing_counted = Traffic::new().report();
    for report in [None, Some(&nothing_counted)] {
        let view = super::super::canvas_view(&canvas(), report, &Live::default());
        let numbers: Vec<u8> = view.blocks.iter().map(|block| block.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        for block in &view.blocks {
            assert_eq!((block.state, block.live_at, block.cost), (BlockState::Grey, None, None), "{block:?}");
            assert!(block.question.ends_with('?'));
        }
        assert_eq!((view.cost_per_thousand, view.currency.as_str()), (None, "EUR"));
        let stated = &block(&view, "live_monitoring").stated[0];
        assert_eq!(stated.label, "Population stability index");
        assert_eq!(stated.value, "warns above 0.1, fires above 0.25, over 1d, from 500 cases on, then notify");
    }
}

#[test]
fn live_values_come_with_their_state_and_cost() {
    let report = traffic_report();
    let view = super::super::canvas_view(&canvas(), Some(&report), &live());
    assert_eq!(shown(block(&view, "data_sources"), "Last snapshot").value, "3 h ago");
    assert_eq!(shown(block(&view, "data_sources"), "Rows").value, "20,000");
    // 412 kB where 300 are allowed
    assert_eq!(shown(block(&view, "prediction_task"), "Bundle").state, BlockState::Bad);
    assert_eq!(block(&view, "prediction_task").state, BlockState::Bad);
    assert_eq!(shown(block(&view, "features"), "income").state, BlockState::Good);
    assert_eq!(shown(block(&view, "offline_evaluation"), "Demographic parity ratio by sex").value, "0.87, passed");
    assert_eq!(shown(block(&view, "decisions"), "Accept").value, "60 %");
    assert_eq!(shown(block(&view, "decisions"), "Sent to review").value, "400, 40 hours");
    assert_eq!(shown(block(&view, "making_predictions"), "Answered in time").value, "99 % of 1,000 page loads");
    assert_eq!(shown(block(&view, "collecting_data"), "Labels").value, "40");
    assert_eq!(shown(block(&view, "building_models"), "Last build").value, "0a1b2c3d4e5f, 1 h ago");
    assert_eq!(block(&view, "live_monitoring").state, BlockState::Bad);
    let cost = |id: &str| block(&view, id).cost.unwrap();
    // 20,000 rows at 0.001; 400 reviews of 6 minutes at 40 an hour; 50 labels at 0.4; 100 s at 3.6 an hour
    for (id, wanted) in
        [("data_sources", 20.0), ("decisions", 1_600.0), ("collecting_data", 20.0), ("building_models", 0.1)]
    {
        assert!((cost(id) - wanted).abs() < 1e-9, "{id}: {}", cost(id));
    }
    assert!((view.cost_per_thousand.unwrap() - 1_640.1).abs() < 1e-9);
    assert_eq!(block(&view, "features").live_at, report.to);
}

/// A page where every visitor asks once: half of the frames tell of groups, the others of scores, actions and features.
#[test]
fn each_part_counts_for_itself_and_reviews_are_paid_for_all() {
    let (mut of_features, mut of_groups) = (Traffic::new(), Traffic::new());
    of_features.like_reference(500, [0.6, 0.6]);
    of_groups.like_reference(500, [0.8, 0.4]);
    let layout = of_features.layout.clone();
    of_features.profile.counts[layout.group_places(0)].fill(0);
    let told = [layout.scores(), layout.actions(), layout.feature(0), layout.feature(1)];
    told.into_iter().for_each(|places| of_groups.profile.counts[places].fill(0));
    of_features.profile.merge(&of_groups.profile);
    of_features.sessions(1_000);
    let report = of_features.report();
    let by: Vec<_> = report.fairness[0].by.iter().map(|rate| (rate.count, rate.rate.unwrap())).collect();
    assert_eq!((report.predictions, by), (1_000, vec![(250, 0.8), (250, 0.4)]));
    assert_eq!((report.actions[0].count, report.actions[0].share, report.drift[0].count), (300, 0.6, 500));
    let view = super::super::canvas_view(&canvas(), Some(&report), &Live::default());
    assert_eq!(shown(block(&view, "decisions"), "Sent to review").value, "400, 40 hours");
    assert_eq!(block(&view, "decisions").cost, Some(1_600.0));
    assert_eq!(shown(block(&view, "decisions"), "Accept").value, "60 %");

    let view = super::super::canvas_view(&canvas(), Some(&of_groups.report()), &Live::default());
    assert!(block(&view, "decisions").live.iter().all(|shown| shown.label.contains("by sex")), "no action was told");
}

#[test]
fn what_was_paid_before_the_window_is_not_paid_again() {
    let mut live = live();
    live.snapshot_at = Some(Millis(Millis::DAY.0));
    live.build.as_mut().unwrap().at = Some(Millis(Millis::DAY.0));
    let view = super::super::canvas_view(&canvas(), Some(&traffic_report()), &live);
    assert_eq!((block(&view, "data_sources").cost, block(&view, "building_models").cost), (None, None));
    // Older than its refresh of one day.
    assert_eq!(shown(block(&view, "data_sources"), "Last snapshot").state, BlockState::Warn);
}

#[test]
fn each_source_is_paid_for_its_own_rows() {
    let mut live = live();
    let mut bought = live.sources[0].clone();
    (bought.name, bought.rows, bought.cost, bought.storage_per_month) = ("bureau".into(), 2_000, 500.0, 3.0);
    live.sources.push(bought);
    live.dataset_rows = Some(22_000);
    let view = super::super::canvas_view(&canvas(), Some(&traffic_report()), &live);
    let data = block(&view, "data_sources");
    assert_eq!(shown(data, "Rows").value, "22,000");
    assert_eq!(
        (&*shown(data, "Rows of applications").value, &*shown(data, "Rows of bureau").value),
        ("20,000", "2,000")
    );
    // 20 and 500 for the rows, once; 3 a month for a day of keeping.
    assert!((data.cost.unwrap() - 520.1).abs() < 1e-9, "{:?}", data.cost);
}

#[test]
fn a_build_that_nobody_wrote_down_is_grey_and_has_no_age() {
    let mut live = live();
    live.build = Some(Build { at: None, seconds: None, reason: None, ..live.build.unwrap() });
    (live.dataset_rows, live.dataset_bytes, live.snapshot_at, live.missing_share) = (None, None, None, None);
    (live.sources, live.parameters, live.bundle_bytes) = (vec![], None, None);
    let view = super::super::canvas_view(&canvas(), Some(&traffic_report()), &live);
    for id in ["data_sources", "building_models"] {
        let block = block(&view, id);
        assert_eq!((block.state, block.live_at, block.cost), (BlockState::Grey, None, None), "{block:?}");
    }
    assert_eq!(shown(block(&view, "building_models"), "Last build").value, "0a1b2c3d4e5f");
    assert_eq!(block(&view, "offline_evaluation").live_at, None);
}

#[test]
fn the_json_has_the_promised_keys() {
    let view = super::super::canvas_view(&canvas(), Some(&traffic_report()), &live());
    let json = serde_json::to_value(&view).unwrap();
    let keys = |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["name", "sentence", "credit", "cost_per_thousand", "currency", "blocks"]);
    let block = &json["blocks"][1];
    assert_eq!(keys(block), ["number", "id", "title", "question", "state", "stated", "live", "live_at", "cost"]);
    assert_eq!(keys(&block["stated"][0]), ["label", "value"]);
    assert_eq!(keys(&block["live"][0]), ["label", "value", "state"]);
    assert_eq!(block["title"], "Data sources");
    assert!(["grey", "good", "warn", "bad"].contains(&block["state"].as_str().unwrap()));
    assert_eq!(serde_json::from_value::<CanvasView>(json).unwrap(), view);
    assert_eq!(serde_json::from_str::<Live>("{}").unwrap(), Live::default());
}

#[test]
fn the_features_block_says_when_the_first_records_are_in_another_unit() {
    let mut traffic = Traffic::new();
    (0..20).for_each(|row| traffic.predict(40.0 + f64::from(row), 0, true, 0));
    let view = canvas_view(&canvas(), Some(&traffic.report()), &live());
    let block = view.blocks.iter().find(|block| block.id == "features").unwrap();
    let income = block.live.iter().find(|shown| shown.label == "income").unwrap();
    assert_eq!(income.state, BlockState::Bad);
    assert!(income.value.ends_with("another unit?"), "{}", income.value);
}
