"""scikit-learn's isolation forest on breast_cancer, malignant as the anomaly."""
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from common import SEED, arguments, held_out, read, save, versions


def main():
    args = arguments(__doc__)
    frame = read(args.data / "sk_breast_cancer.csv")
    test = held_out(frame)
    x = frame.drop(columns="target").to_numpy()
    anomaly = (frame.target == 0).to_numpy()  # 0 is malignant
    result = dict(
        note="100 trees of 256 rows; anomaly: malignant (target 0); held out: row index % 5 == 0; "
             "std: population; all_rows is fitted on every training row, benign_rows on the "
             "benign training rows only",
        seeds=list(range(SEED, SEED + 10)), test_rows=int(test.sum()),
        test_anomalies=int(anomaly[test].sum()), versions=versions("scikit-learn", "numpy"))
    for name, rows in (("all_rows", ~test), ("benign_rows", ~test & ~anomaly)):
        auc = []
        for seed in result["seeds"]:
            forest = IsolationForest(n_estimators=100, max_samples=256, random_state=seed)
            auc.append(roc_auc_score(anomaly[test], -forest.fit(x[rows]).score_samples(x[test])))
        result[name] = dict(train_rows=int(rows.sum()), roc_auc_seed_7=auc[0],
                            roc_auc_mean=np.mean(auc), roc_auc_std=np.std(auc),
                            roc_auc_min=min(auc), roc_auc_max=max(auc))
    save(args.out / "reference.json", "isolation_breast_cancer", result)


if __name__ == "__main__":
    main()
