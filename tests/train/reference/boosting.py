"""LightGBM on the boosting data sets: held-out predictions and metrics."""
import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (accuracy_score, log_loss, mean_absolute_error, ndcg_score,
                             r2_score, roc_auc_score, root_mean_squared_error)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from common import SEED, arguments, as_categories, held_out, read, save, versions

RATES = (0.1, 0.05)  # predictions are saved for the first only


def settings(rate):
    return dict(n_estimators=200, max_depth=4, num_leaves=16, learning_rate=rate,
                random_state=SEED, deterministic=True, force_row_wise=True, num_threads=2,
                verbosity=-1)


def rounded(metrics):
    return {k: round(float(v), 8) if isinstance(v, float) else v for k, v in metrics.items()}


def write(path, values):
    path.write_text("".join(f"{v:.6g}\n" for v in values))


def binary(y, p):
    return rounded(dict(roc_auc=roc_auc_score(y, p), log_loss=log_loss(y, p),
                        accuracy=accuracy_score(y, p > 0.5)))


def regression(y, p):
    return rounded(dict(r2=r2_score(y, p), rmse=root_mean_squared_error(y, p),
                        mae=mean_absolute_error(y, p)))


def tabular(out, name, x, y, test, model, metrics, note):
    """Fits with each learning rate; returns what goes into reference.json."""
    train_x, test_x = as_categories(x[~test], x[test])
    result = dict(note=note, train_rows=int((~test).sum()), test_rows=int(test.sum()),
                  inputs=list(x.columns),
                  categorical=[c for c in x if train_x[c].dtype == "category"])
    for rate in RATES:
        fitted = model(**settings(rate)).fit(train_x, y[~test])
        p = fitted.predict_proba(test_x)[:, 1] if hasattr(fitted, "predict_proba") \
            else fitted.predict(test_x)
        if rate == RATES[0]:
            write(out / f"{name}.lightgbm.txt", p)
        result[f"lightgbm_rate_{rate}"] = metrics(y[test], p)
    return result


def ndcg_exponential(relevance, score, k=5):
    """LightGBM's: gain 2^l - 1, discount 1 / log2(2 + rank), ties in file order."""
    discount = 1 / np.log2(2 + np.arange(min(k, len(score))))

    def dcg(order):
        return float(((2.0 ** relevance[order[:k]] - 1) * discount).sum())

    best = dcg(np.argsort(-relevance, kind="stable"))
    return dcg(np.argsort(-score, kind="stable")) / best if best > 0 else 1.0


def ndcg_linear(relevance, score, k=5):
    """scikit-learn's: gain l, the same discount, ties averaged; 0 without relevant items."""
    if len(score) == 1:  # ndcg_score refuses a single item
        return float(relevance[0] > 0)
    return float(ndcg_score([relevance], [score], k=k))


def ranking(data, out):
    frame = read(data / "lightgbm_lambdarank.csv.gz")
    # The open file has the train split only, so every fifth query is held out.
    test = (frame.qid % 5 == 0).to_numpy()
    x = frame.drop(columns=["relevance", "qid", "split"])
    y, qid = frame.relevance.to_numpy(), frame.qid.to_numpy()

    def sizes(rows):  # the rows of a query stand together
        return pd.Series(qid[rows]).groupby(qid[rows], sort=False).size().to_numpy()

    result = dict(
        note="held out: queries with qid % 5 == 0 (the file holds no test split)",
        train_rows=int((~test).sum()), test_rows=int(test.sum()),
        train_queries=len(sizes(~test)), test_queries=len(sizes(test)),
        ndcg_exponential="LightGBM's ndcg: gain 2^l - 1, discount 1/log2(2 + rank from 0), ties "
                         "in file order, a query without relevant items counts 1",
        ndcg_linear="scikit-learn's ndcg_score: gain l, same discount, ties averaged, a query "
                    "without relevant items counts 0")
    for rate in RATES:
        fitted = lgb.LGBMRanker(**settings(rate)).fit(
            x[~test], y[~test], group=sizes(~test),
            eval_X=x[test], eval_y=y[test], eval_group=[sizes(test)], eval_at=[5])
        score = fitted.predict(x[test])
        queries = []
        for q in pd.unique(qid[test]):
            rows = qid[test] == q
            truth, mine = y[test][rows], score[rows]
            queries.append((q, rows.sum(), truth.max(), ndcg_exponential(truth, mine),
                            ndcg_linear(truth, mine)))
        table = pd.DataFrame(queries, columns=["qid", "rows", "max_relevance",
                                               "ndcg5_exponential", "ndcg5_linear"])
        some = table[table.max_relevance > 0]
        result["test_queries_without_relevant_items"] = int((table.max_relevance == 0).sum())
        result[f"lightgbm_rate_{rate}"] = rounded(dict(
            ndcg5_exponential=table.ndcg5_exponential.mean(),
            ndcg5_linear=table.ndcg5_linear.mean(),
            ndcg5_exponential_of_queries_with_relevant_items=some.ndcg5_exponential.mean(),
            ndcg5_linear_of_queries_with_relevant_items=some.ndcg5_linear.mean(),
            ndcg5_reported_by_lightgbm=fitted.evals_result_["valid_0"]["ndcg@5"][-1]))
        if rate == RATES[0]:
            write(out / "lightgbm_lambdarank.lightgbm.txt", score)
            table.to_csv(out / "lightgbm_lambdarank.ndcg.csv", index=False, float_format="%.6g")
    shuffled = np.random.default_rng(SEED)
    result["random_order_ndcg5_exponential"] = round(float(np.mean([
        ndcg_exponential(y[qid == q], shuffled.random((qid == q).sum()))
        for _ in range(100) for q in pd.unique(qid[test])])), 6)
    return result


def digits(data):
    frame = read(data / "sk_digits.csv")
    test = held_out(frame)
    x, y = frame.drop(columns="target").to_numpy(float), frame.target.to_numpy()
    result = dict(note="held out: row index % 5 == 0; target 0..9; pixels 0..16",
                  train_rows=int((~test).sum()), test_rows=int(test.sum()))

    def metrics(p):
        return rounded(dict(accuracy=accuracy_score(y[test], p.argmax(1)),
                            log_loss=log_loss(y[test], p)))

    for rate in RATES:
        fitted = lgb.LGBMClassifier(**settings(rate)).fit(x[~test], y[~test])
        result[f"lightgbm_rate_{rate}"] = metrics(fitted.predict_proba(x[test]))
    for name, scaler in (("standardised", StandardScaler()),
                         ("divided_by_16", FunctionTransformer(lambda v: v / 16))):
        logistic = make_pipeline(scaler, LogisticRegression(C=1.0, tol=1e-8, max_iter=10000))
        p = logistic.fit(x[~test], y[~test]).predict_proba(x[test])
        result[f"logistic_{name}"] = metrics(p)
    return result


def main():
    args = arguments(__doc__)
    reference = args.out / "reference.json"

    adult = read(args.data / "adult.csv.gz")
    save(reference, "adult", tabular(
        args.out, "adult", adult.drop(columns=["income", "split", "sex", "race"]),
        (adult.income == ">50K").astype(int), (adult.split == "test").to_numpy(),
        lgb.LGBMClassifier, binary,
        "target income, positive >50K; held out: split == test; inputs without sex and race"))

    cancer = read(args.data / "sk_breast_cancer.csv")
    save(reference, "breast_cancer", tabular(
        args.out, "breast_cancer", cancer.drop(columns="target"), cancer.target,
        held_out(cancer), lgb.LGBMClassifier, binary,
        "target 1 (benign) is the positive, 0 is malignant; held out: row index % 5 == 0"))

    housing = read(args.data / "california_housing.csv")
    save(reference, "california_housing", tabular(
        args.out, "california_housing", housing.drop(columns="median_house_value"),
        housing.median_house_value, held_out(housing), lgb.LGBMRegressor, regression,
        "target median_house_value (capped at 500001); held out: row index % 5 == 0"))

    save(reference, "lightgbm_lambdarank", ranking(args.data, args.out))
    save(reference, "digits", digits(args.data))
    save(reference, "boosting_settings", {
        **settings(RATES[0]),
        "versions": versions("lightgbm", "scikit-learn", "pandas", "numpy")})


if __name__ == "__main__":
    main()
