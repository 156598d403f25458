"""Shared conventions of the reference scripts: arguments, reading, hold-out, saving."""
import argparse
import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 7


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path, help="folder with the data files")
    parser.add_argument("out", type=Path, help="folder to write the results to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def read(path):
    """Only the empty field is missing: the texts "NA", "nan" and "null" stay texts."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def held_out(frame):
    """True for every fifth data row, counted from 0 (the header is not a row)."""
    return np.arange(len(frame)) % 5 == 0


def as_categories(train, *others):
    """Text columns become categories: the sorted values of the training rows.

    A value that the training rows lack becomes missing.
    """
    frames = [train.copy(), *(o.copy() for o in others)]
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name]):
            continue
        values = sorted(train[name].dropna().unique())
        dtype = pd.CategoricalDtype(np.array(values, dtype=object))
        for frame in frames:
            frame[name] = frame[name].where(frame[name].isin(values)).astype(object).astype(dtype)
    return frames


def versions(*names):
    return {name: importlib.metadata.version(name) for name in names}


def save(path, key, value):
    """Put `value` under `key` of a JSON file, leaving its other keys."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content[key] = value
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    print(key, json.dumps(value, indent=1)[:4000])
