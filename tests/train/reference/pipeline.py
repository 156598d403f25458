"""The plain Python pipeline that `nearside retrain` is timed against.

Reads adult, trains LightGBM, evaluates with a bootstrap interval and demographic parity,
converts to ONNX, checks the ONNX model with onnxruntime and writes model.onnx.

With --time N the script runs itself N times as a new process and saves pipeline.json.
"""
import argparse
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

FOLDS = 2000


def once(data, out, bootstrap, threads):
    times, cpu = {}, {}
    mark = time.perf_counter(), time.process_time()

    def done(stage):
        nonlocal mark
        now = time.perf_counter(), time.process_time()
        times[stage], cpu[stage] = round(now[0] - mark[0], 3), round(now[1] - mark[1], 3)
        mark = now

    import numpy as np
    import onnxruntime
    import pandas as pd
    from lightgbm import LGBMClassifier
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import to_onnx, update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from sklearn.compose import ColumnTransformer
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder
    done("imports")

    frame = pd.read_csv(data / "adult.csv.gz", keep_default_na=False, na_values=[""])
    y = (frame.income == ">50K").astype(int).to_numpy()
    sex, test = frame.sex.to_numpy(str), (frame.split == "test").to_numpy()
    x = frame.drop(columns=["income", "split", "sex", "race"])
    texts = [c for c in x if not pd.api.types.is_numeric_dtype(x[c])]
    numbers = [c for c in x if c not in texts]
    x[texts] = x[texts].fillna("missing").astype(object)
    x[numbers] = x[numbers].astype(np.float32)
    train_x, test_x = x[~test], x[test]
    done("read")

    model = Pipeline([
        ("encode", ColumnTransformer([
            ("texts", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), texts),
            ("numbers", "passthrough", numbers)])),
        ("boost", LGBMClassifier(n_estimators=200, max_depth=4, num_leaves=16, learning_rate=0.1,
                                 random_state=7, deterministic=True, force_row_wise=True,
                                 num_threads=threads, verbosity=-1))])
    model.fit(train_x, y[~test], boost__categorical_feature=list(range(len(texts))))
    done("train")

    truth, p = y[test], model.predict_proba(test_x)[:, 1]
    auc = roc_auc_score(truth, p)
    done("predict")
    if bootstrap == "sorted":
        folds = sorted_bootstrap(np, truth, p)
    else:
        random = np.random.default_rng(7)
        folds = []
        for _ in range(FOLDS):
            rows = random.integers(0, len(truth), len(truth))
            folds.append(roc_auc_score(truth[rows], p[rows]))
    low, high = np.quantile(folds, [0.025, 0.975])
    rates = [float((p[sex[test] == s] > 0.5).mean()) for s in ("Female", "Male")]
    done("evaluate")

    update_registered_converter(
        LGBMClassifier, "LightGbmLGBMClassifier", calculate_linear_classifier_output_shapes,
        convert_lightgbm, options={"nocl": [True, False], "zipmap": [True, False, "columns"]})
    types = [(c, StringTensorType([None, 1]) if c in texts else FloatTensorType([None, 1]))
             for c in x]
    onnx = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}},
                   target_opset={"": 15, "ai.onnx.ml": 3})
    (out / "model.onnx").write_bytes(onnx.SerializeToString())
    done("convert")

    session = onnxruntime.InferenceSession(str(out / "model.onnx"),
                                           providers=["CPUExecutionProvider"])
    given = session.run(None, {c: test_x[[c]].to_numpy() for c in x})[1][:, 1]
    gap = np.abs(given - p)
    done("check")

    return dict(roc_auc=float(auc), interval=[float(low), float(high)],
                demographic_parity_ratio=min(rates) / max(rates),
                demographic_parity_difference=max(rates) - min(rates),
                onnx_largest_gap=float(gap.max()), onnx_rows_off_by_1e_4=int((gap > 1e-4).sum()),
                onnx_bytes=(out / "model.onnx").stat().st_size, seconds=times,
                cpu_seconds=cpu)


def sorted_bootstrap(np, truth, p):
    """The same resampling, but the rows are sorted once and each fold only counts them."""
    random = np.random.default_rng(7)
    values, at = np.unique(p, return_inverse=True)
    folds = []
    for _ in range(FOLDS):
        rows = random.integers(0, len(truth), len(truth))
        positive = np.bincount(at[rows], truth[rows], len(values))
        negative = np.bincount(at[rows], minlength=len(values)) - positive
        below = np.cumsum(negative) - negative / 2
        folds.append(positive @ below / (positive.sum() * negative.sum()))
    return folds


def busy():
    """CPU seconds that the whole machine (Linux) and this process's children have used."""
    ticks = [int(v) for v in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    machine = (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return machine, usage.ru_utime + usage.ru_stime


def timed(runs, data, out, threads):
    path = out / "pipeline.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    for bootstrap in ("plain", "sorted"):
        every = []
        for _ in range(runs):
            before, start = busy(), time.perf_counter()
            finished = subprocess.run([sys.executable, __file__, str(data), str(out),
                                       "--bootstrap", bootstrap, "--threads", str(threads)],
                                      check=True, capture_output=True, text=True)
            wall, after = time.perf_counter() - start, busy()
            own = after[1] - before[1]
            figures = json.loads(finished.stdout.splitlines()[-1])
            every.append(dict(wall_seconds=round(wall, 3), cpu_seconds=round(own, 3),
                              others_cpu_seconds=round(after[0] - before[0] - own, 2),
                              stages=figures.pop("seconds"),
                              stages_cpu=figures.pop("cpu_seconds")))
            print(bootstrap, every[-1], flush=True)
        result[f"{bootstrap}_bootstrap_threads_{threads}"] = dict(runs=every, figures=figures)
    result["note"] = ("wall_seconds: the whole process with Python's start; others_cpu_seconds: "
                      "what the rest of the machine used meanwhile (0 is a quiet machine); plain: "
                      "roc_auc_score per fold; sorted: sorted once, then counts per fold")
    result["machine"] = dict(cpus=os.cpu_count(), python=platform.python_version())
    names = ("lightgbm", "scikit-learn", "pandas", "numpy", "onnx", "onnxmltools", "skl2onnx",
             "onnxruntime")
    result["versions"] = {name: importlib.metadata.version(name) for name in names}
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the data files")
    parser.add_argument("out", type=Path, help="folder to write the results to")
    parser.add_argument("--bootstrap", choices=("plain", "sorted"), default="plain")
    parser.add_argument("--threads", type=int, default=2, help="threads of LightGBM")
    parser.add_argument("--time", type=int, default=0, metavar="N", help="run N times and time")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.time:
        timed(args.time, args.data, args.out, args.threads)
    else:
        print(json.dumps(once(args.data, args.out, args.bootstrap, args.threads)))


if __name__ == "__main__":
    main()
