"""Text classification of tweets, on data with the columns of Sentiment140."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pod.bench.workloads.base import Source, Workload, cells_of

FILE = "training.1600000.processed.noemoticon.csv"
GOOD = "love great happy thanks awesome yay sweet good fun nice best excited lol glad cute".split()
BAD = "sad miss hate sick tired sucks bad lost hurts ugh sorry cry boring alone worst".split()
PLAIN = (
    "i you the to a my and is it in for of on me so that have but just with be at not was this "
    "now work day today going get up out all like go home know time back from one see really "
    "new some what think night got want will tomorrow last watching school need twitter we "
    "morning week can people still here off show make lunch music phone friend house game movie "
    "sleep coffee train rain sun garden exam party song book weekend summer beach birthday "
    "dinner"
).split()


def tweets(path: Path, rows: int, seed: int) -> None:
    """Write so many tweets, half of them happy, sorted by sentiment as the real ones are."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(PLAIN) + 1)
    weights /= weights.sum()
    users = [f"{PLAIN[n % len(PLAIN)]}{n:x}" for n in range(max(10, rows // 3))]
    with path.open("w", newline="", encoding="latin-1") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        for row in range(rows):
            target = 0 if row < rows // 2 else 4
            words = list(rng.choice(PLAIN, size=int(rng.integers(4, 22)), p=weights))
            for _ in range(int(rng.integers(0, 3))):
                mood = GOOD if (target == 4) == bool(rng.random() < 0.85) else BAD
                words.insert(int(rng.integers(0, len(words) + 1)), str(rng.choice(mood)))
            if rng.random() < 0.4:
                words.insert(0, f"@{users[int(rng.integers(0, len(users)))]}")
            if rng.random() < 0.05:
                words.append(f"http://bit.ly/{int(rng.integers(1 << 30)):x}")
            text = " ".join(words) + str(rng.choice(["", ".", "!", "...", " :)"]))
            day, hour, minute = rng.integers(1, 29), rng.integers(0, 24), rng.integers(0, 60)
            date = f"Mon Jun {day:02d} {hour:02d}:{minute:02d}:00 PDT 2009"
            user = users[int(rng.integers(0, len(users)))]
            writer.writerow([target, 1_467_810_369 + 7 * row, date, "NO_QUERY", user, text])


NOTEBOOK = """
# %%
import re
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
# %%
columns = ["target", "ids", "date", "flag", "user", "text"]
tweets = pd.read_csv(<<path>>, encoding="latin-1", names=columns)
tweets.head()
# %%
tweets.shape
# %%
tweets.info()
# %%
tweets.isnull().sum()
# %%
tweets["target"].value_counts()
# %%
tweets = tweets.sample(n=min(len(tweets), <<rows>>), random_state=<<seed>>).reset_index(drop=True)
# %%
tweets["target"] = tweets["target"].replace(4, 1)
# %%
fig, ax = plt.subplots()
tweets.groupby("target").size().plot(kind="bar", ax=ax, title="sentiment")
plt.close(fig)
# %%
tweets["length"] = tweets["text"].str.len()
tweets["length"].describe()
# %%
fig, ax = plt.subplots()
ax.hist(tweets["length"], bins=50)
plt.close(fig)
# %%
hours = tweets["date"].str.slice(11, 13).astype(int)
hours.value_counts().sort_index()
# %%
tweets["user"].value_counts().head(10)
# %%
patterns = {"url": re.compile(r"https?://\\S+"), "user": re.compile(r"@\\w+")}
stopwords = set("a an and are as at be by for from in is it of on that the to was with".split())

def clean(text):
    text = patterns["url"].sub(" URL ", text.lower())
    text = patterns["user"].sub(" USER ", text)
    return " ".join(word for word in re.findall(r"[a-zA-Z]+", text) if word not in stopwords)
# %%
clean(tweets["text"][0])
# %%
tweets["clean"] = tweets["text"].map(clean)
tweets[["text", "clean"]].head()
# %%
from collections import Counter
counts = Counter(word for text in tweets["clean"] for word in text.split())
counts.most_common(20)
# %%
by_mood = {mood: Counter() for mood in (0, 1)}
for mood, text in zip(tweets["target"], tweets["clean"]):
    by_mood[mood].update(text.split())
# %%
[(word, by_mood[1][word] / (by_mood[0][word] + 1)) for word, _ in counts.most_common(30)]
# %%
X_train, X_test, y_train, y_test = train_test_split(
    tweets["clean"], tweets["target"], test_size=0.1, random_state=<<seed>>
)
# %%
len(X_train), len(X_test)
# %%
vectorizer = TfidfVectorizer(ngram_range=(1, 2), max_features=50_000)
A_train = vectorizer.fit_transform(X_train)
# %%
A_test = vectorizer.transform(X_test)
A_train.shape, A_test.shape
# %%
vectorizer.get_feature_names_out()[:20]
# %%
scores = {}

def evaluate(name, model):
    predicted = model.predict(A_test)
    scores[name] = accuracy_score(y_test, predicted)
    print(classification_report(y_test, predicted))
    return confusion_matrix(y_test, predicted)
# %%
from sklearn.naive_bayes import BernoulliNB
bayes = BernoulliNB().fit(A_train, y_train)
evaluate("bayes", bayes)
# %%
from sklearn.svm import LinearSVC
svc = LinearSVC(random_state=0).fit(A_train, y_train)
evaluate("svc", svc)
# %%
from sklearn.linear_model import LogisticRegression
logistic = LogisticRegression(C=2, max_iter=300).fit(A_train, y_train)
matrix = evaluate("logistic", logistic)
# %%
fig, ax = plt.subplots()
ax.imshow(matrix)
ax.set_xlabel("predicted")
plt.close(fig)
# %%
from sklearn.linear_model import SGDClassifier
sgd = SGDClassifier(random_state=0).fit(A_train, y_train)
evaluate("sgd", sgd)
# %%
from sklearn.linear_model import RidgeClassifier
ridge = RidgeClassifier(solver="sparse_cg", random_state=0).fit(A_train, y_train)
evaluate("ridge", ridge)
# %%
scores
# %%
weights = pd.Series(logistic.coef_[0], index=vectorizer.get_feature_names_out()).sort_values()
# %%
weights.head(10), weights.tail(10)
# %%
from sklearn.ensemble import RandomForestClassifier
forest = RandomForestClassifier(<<trees>>, max_depth=20, random_state=0, n_jobs=1)
forest.fit(A_train, y_train)
evaluate("forest", forest)
# %%
small = TfidfVectorizer(max_features=2000)
B_train, B_test = small.fit_transform(X_train), small.transform(X_test)
# %%
from sklearn.ensemble import ExtraTreesClassifier
extra = ExtraTreesClassifier(<<trees>>, max_depth=20, random_state=0, n_jobs=1)
extra.fit(B_train, y_train)
scores["extra"] = extra.score(B_test, y_test)
# %%
best = max(scores, key=scores.get)
print(best, scores[best])
# %%
wrong = X_test[svc.predict(A_test) != y_test]
wrong.head(10)
# %%
probabilities = logistic.predict_proba(A_test)[:, 1]
fig, ax = plt.subplots()
ax.hist(probabilities, bins=40)
plt.close(fig)
# %%
def predict(texts):
    return logistic.predict(vectorizer.transform([clean(text) for text in texts]))

predict(["I hate mondays", "what a great sunny day"])
"""


def skltweet(source: Source, *, rows: int = 0) -> Workload:
    """Tweets are cleaned, counted and vectorised, and several models and forests are fitted."""
    rows = rows or source.pick(600, 20_000, 200_000)
    path = source.made(FILE, lambda path: tweets(path, rows, source.seed))
    trees = source.pick(3, 20, 100)
    return Workload(cells_of(NOTEBOOK, path=path, rows=rows, seed=source.seed, trees=trees))
