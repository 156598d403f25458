"""Ridge on california_housing and multinomial logistic regression on iris, to full precision."""
import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error

from common import arguments, held_out, read, save, versions

STANDARDISATION = ("(x - mean) / std with the mean and the population std (divisor n) of the "
                   "training rows; held out: row index % 5 == 0 of the file")


def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / std, (test - mean) / std, mean, std


def ridge(data, missing):
    frame = read(data / "california_housing.csv")
    test = held_out(frame)
    names = [c for c in frame if c not in ("median_house_value", "ocean_proximity")]
    x, y = frame[names].to_numpy(float), frame.median_house_value.to_numpy(float)
    if missing == "rows_dropped":
        keep = ~np.isnan(x).any(axis=1)
        x, y, test = x[keep], y[keep], test[keep]
    else:
        x = np.where(np.isnan(x), np.nanmedian(x[~test], axis=0), x)
    train_x, test_x, mean, std = standardise(x[~test], x[test])
    model = Ridge(alpha=1.0, solver="cholesky", tol=1e-14).fit(train_x, y[~test])
    # The same from the closed form: the training columns have mean 0, so the intercept is mean(y).
    gram = train_x.T @ train_x + np.eye(len(names))
    exact = np.linalg.solve(gram, train_x.T @ (y[~test] - y[~test].mean()))
    p = model.predict(test_x)
    return dict(train_rows=len(train_x), test_rows=len(test_x), columns=names,
                mean=mean.tolist(), std=std.tolist(),
                coefficients=model.coef_.tolist(), intercept=float(model.intercept_),
                largest_relative_gap_to_closed_form=float(
                    np.max(np.abs(model.coef_ - exact) / np.abs(exact))),
                r2=r2_score(y[test], p), rmse=root_mean_squared_error(y[test], p),
                first_predictions=p[:5].tolist())


def objective(parameters, x, y, classes):
    """The objective's value and gradient, the intercepts in the last column."""
    w, b = parameters[:, :-1], parameters[:, -1]
    z = x @ w.T + b
    value = -log_softmax(z, axis=1)[np.arange(len(y)), y].sum() + 0.5 * (w ** 2).sum()
    slope = softmax(z, axis=1) - np.eye(classes)[y]
    return float(value), np.column_stack([slope.T @ x + w, slope.sum(axis=0)])


def logistic(data):
    frame = read(data / "sk_iris.csv")
    test = held_out(frame)
    names = [c for c in frame if c != "target"]
    y = frame.target.to_numpy()
    train_x, test_x, mean, std = standardise(frame[names].to_numpy(float)[~test],
                                             frame[names].to_numpy(float)[test])
    model = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-13, max_iter=100000)
    model.fit(train_x, y[~test])
    # Adding one number to all intercepts changes nothing; the reference sums to 0.
    intercept = model.intercept_ - model.intercept_.mean()
    value, gradient = objective(np.column_stack([model.coef_, intercept]), train_x, y[~test], 3)
    p = softmax(test_x @ model.coef_.T + intercept, axis=1)
    return dict(train_rows=len(train_x), test_rows=len(test_x), columns=names, classes=[0, 1, 2],
                mean=mean.tolist(), std=std.tolist(),
                coefficients=model.coef_.tolist(), intercepts=intercept.tolist(),
                objective_value=value, largest_gradient=float(np.abs(gradient).max()),
                accuracy=accuracy_score(y[test], p.argmax(1)), log_loss=log_loss(y[test], p),
                first_probabilities=p[:5].tolist())


def main():
    args = arguments(__doc__)
    save(args.out / "reference.json", "linear", dict(
        standardisation=STANDARDISATION, versions=versions("scikit-learn", "numpy", "scipy"),
        ridge_california_housing=dict(
            objective="sum((y - Xw - b)^2) + alpha * sum(w^2), alpha = 1, b not penalised, y as "
                      "it is; numeric columns only",
            rows_dropped=dict(
                note="rows with missing total_bedrooms left out, after the hold-out rule",
                **ridge(args.data, "rows_dropped")),
            median_filled=dict(
                note="missing total_bedrooms filled with the training median, then standardised",
                **ridge(args.data, "median_filled"))),
        logistic_iris=dict(
            objective="sum over rows of -log softmax(Wx + b)[y] + sum(W^2) / (2 C), C = 1, all "
                      "three classes have weights, b not penalised; b is shifted to sum to 0",
            **logistic(args.data))))


if __name__ == "__main__":
    main()
