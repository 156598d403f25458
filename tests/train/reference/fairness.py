"""Fairness methods on adult with sex as the group: Fairlearn and reweighing."""
import json
import time

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from lightgbm import LGBMClassifier
from sklearn.metrics import roc_auc_score

from common import SEED, arguments, as_categories, read, versions

EPS = (0.01, 0.02, 0.05)


class Boosting(LGBMClassifier):
    """LightGBM that is told the categorical columns even when only a matrix reaches it."""

    categorical = []

    def fit(self, X, y, sample_weight=None):
        return super().fit(np.asarray(X), y, sample_weight=sample_weight,
                           categorical_feature=self.categorical)

    def predict_proba(self, X, *rest, **kwargs):
        return super().predict_proba(np.asarray(X), *rest, **kwargs)


def boosting():
    return Boosting(n_estimators=200, max_depth=4, num_leaves=16, learning_rate=0.1,
                    random_state=SEED, deterministic=True, force_row_wise=True, num_threads=2,
                    verbosity=-1)


def metrics(y, group, chance):
    """`chance`: each row's probability of the decision 1 (0 or 1 if nothing is left to chance).

    Expected values over the method's own randomness; no random numbers are drawn.
    """
    rates = {}
    for name in sorted(set(group)):
        of = group == name
        rates[name] = dict(selection_rate=float(chance[of].mean()),
                           true_positive_rate=float(chance[of & (y == 1)].mean()),
                           false_positive_rate=float(chance[of & (y == 0)].mean()))

    def gap(key):
        values = [r[key] for r in rates.values()]
        return max(values) - min(values)

    selection = [r["selection_rate"] for r in rates.values()]
    return dict(accuracy=float(np.where(y == 1, chance, 1 - chance).mean()),
                demographic_parity_ratio=min(selection) / max(selection),
                demographic_parity_difference=gap("selection_rate"),
                equalised_odds_difference=max(gap("true_positive_rate"),
                                              gap("false_positive_rate")),
                groups=rates)


def report(y, group, p, randomised, seconds):
    result = dict(roc_auc=float(roc_auc_score(y, p)), seconds=round(seconds, 1),
                  at_threshold=metrics(y, group, (p > 0.5).astype(float)))
    if randomised:
        result["expected"] = metrics(y, group, p)
    return result


def main():
    args = arguments(__doc__)
    frame = read(args.data / "adult.csv.gz")
    x = frame.drop(columns=["income", "split", "sex", "race"])
    y = (frame.income == ">50K").astype(int).to_numpy()
    group = frame.sex.to_numpy(str)
    test = (frame.split == "test").to_numpy()

    train_x, test_x = as_categories(x[~test], x[test])
    Boosting.categorical = [i for i, c in enumerate(x) if train_x[c].dtype == "category"]
    for part in (train_x, test_x):  # codes in sorted order
        for name in part.columns[Boosting.categorical]:
            part[name] = part[name].cat.codes.replace(-1, np.nan)
    train_x, test_x = train_x.to_numpy(float), test_x.to_numpy(float)
    train_y, test_y, train_group, test_group = y[~test], y[test], group[~test], group[test]
    result = {}

    def keep(name, start, p, randomised=False):
        result[name] = report(test_y, test_group, p, randomised, time.perf_counter() - start)
        print(name, json.dumps(result[name], indent=1), flush=True)
        return result[name]

    start = time.perf_counter()
    plain = boosting().fit(train_x, train_y)
    keep("plain", start, plain.predict_proba(test_x)[:, 1])

    # Kamiran and Calders: weight of group g with label l = n_g * n_l / (n * n_gl).
    start = time.perf_counter()
    weight = np.empty(len(train_y))
    weights = {}
    for name in sorted(set(train_group)):
        for label in (0, 1):
            cell = (train_group == name) & (train_y == label)
            expected = (train_group == name).sum() * (train_y == label).sum() / len(train_y)
            weights[f"{name} {label}"] = weight[cell] = float(expected / cell.sum())
    reweighed = boosting().fit(train_x, train_y, sample_weight=weight)
    keep("reweighing", start, reweighed.predict_proba(test_x)[:, 1])["weights"] = weights

    start = time.perf_counter()
    threshold = ThresholdOptimizer(estimator=plain, constraints="demographic_parity",
                                   objective="accuracy_score", prefit=True,
                                   predict_method="predict_proba")
    threshold.fit(train_x, train_y, sensitive_features=train_group)
    keep("threshold_optimizer", start,
         threshold._pmf_predict(test_x, sensitive_features=test_group)[:, 1], randomised=True)

    for eps in EPS:
        start = time.perf_counter()
        method = ExponentiatedGradient(boosting(), DemographicParity(difference_bound=eps),
                                       eps=eps, max_iter=20)
        method.fit(train_x, train_y, sensitive_features=train_group)
        entry = keep(f"exponentiated_gradient_eps_{eps}", start,
                     method._pmf_predict(test_x)[:, 1], randomised=True)
        used = [(w, m) for w, m in zip(method.weights_, method.predictors_) if w > 0]
        mixture = sum(w * m.predict_proba(test_x)[:, 1] for w, m in used)
        entry.update(
            iterations=int(method.last_iter_) + 1, best_gap=float(method.best_gap_),
            models_fitted=int(method.n_oracle_calls_), models_in_mixture=len(used),
            roc_auc_of_mean_probability=float(roc_auc_score(test_y, mixture)),
            train_expected=metrics(train_y, train_group, method._pmf_predict(train_x)[:, 1]))

    result["note"] = dict(
        data="target income, positive >50K; group sex; inputs without sex, race; split column; "
             "all figures on the test split unless named train",
        at_threshold="decision 1 where the probability exceeds 0.5",
        expected="for the randomised methods: expectation over their own randomness",
        probability="roc_auc is of the predicted probability; for the randomised methods of the "
                    "probability of the decision 1 (_pmf_predict)",
        equalised_odds_difference="the larger of the gaps of true and of false positive rates",
        eps="DemographicParity(difference_bound=eps) with ExponentiatedGradient(eps=eps): each "
            "group's selection rate within eps of the overall one, in expectation, on the "
            "training rows",
        seconds="training and predicting on a shared machine: no benchmark",
        threshold_optimizer="prefit plain model, thresholds from the training rows, needs sex "
                            "when predicting")
    result["versions"] = versions("fairlearn", "lightgbm", "scikit-learn", "numpy")
    (args.out / "fairness.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
