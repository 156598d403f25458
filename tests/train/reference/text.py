"""scikit-learn's tf-idf and logistic regression on youtube_spam_text."""
import json

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from common import arguments, held_out, read, versions


def main():
    args = arguments(__doc__)
    frame = read(args.data / "youtube_spam_text.csv")
    text, y = frame.text.fillna("").tolist(), frame.spam.to_numpy()
    test = held_out(frame)
    train_text = [t for t, out in zip(text, test) if not out]

    vectoriser = TfidfVectorizer(max_features=500)
    train_x = vectoriser.fit_transform(train_text)
    terms = vectoriser.get_feature_names_out().tolist()

    # Where the 500 end: terms of equal count compete for the last places.
    counter = CountVectorizer()
    counts = np.asarray(counter.fit_transform(train_text).sum(axis=0)).ravel()
    count = dict(zip(counter.get_feature_names_out().tolist(), counts.tolist()))
    least = min(count[t] for t in terms)
    tied = sorted(t for t in count if count[t] == least)

    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(train_x, y[~test])
    every = vectoriser.transform(text)
    p = model.predict_proba(every[test])[:, 1]

    result = dict(
        note="held out: row index % 5 == 0; fitted on the other rows; a missing text is the empty "
             "text; spam = 1 is the positive",
        convention=r"lower case; tokens (?u)\b\w\w+\b; the 500 terms of the highest count in the "
                   "training rows, in sorted order; idf = ln((1 + n) / (1 + df)) + 1; value = "
                   "count * idf, then each row to Euclidean length 1",
        logistic="sum of log losses + sum(w^2) / (2 C), C = 1, intercept not penalised",
        train_rows=int((~test).sum()), test_rows=int(test.sum()), all_terms=len(count),
        roc_auc=roc_auc_score(y[test], p), log_loss=log_loss(y[test], p),
        accuracy=accuracy_score(y[test], p > 0.5),
        least_count=least, tied_terms_in=[t for t in tied if t in terms],
        tied_terms_out=[t for t in tied if t not in terms],
        vocabulary=terms, idf=[float(v) for v in vectoriser.idf_],
        first_five_rows=[dict(row=i, text=text[i], held_out=bool(test[i]),
                              vector={str(j): float(v) for j, v in
                                      sorted(zip(every[i].indices, every[i].data))})
                         for i in range(5)],
        intercept=float(model.intercept_[0]), coefficients=model.coef_[0].tolist(),
        versions=versions("scikit-learn", "numpy"))
    (args.out / "text.json").write_text(
        json.dumps(result, separators=(",", ":"), ensure_ascii=False) + "\n")
    print({k: v for k, v in result.items()
           if k not in ("vocabulary", "idf", "coefficients", "first_five_rows")})


if __name__ == "__main__":
    main()
