"""SQuAD's own files -> a record a question (Rajpurkar et al. 2016; 2018 with questions that have no answer).

They are one object of JSON: articles of paragraphs of questions, each with its answers. The records have the
keys of the flat editions, so that "context", "question" and "answers.text" name the same in all of them.
"""

from collections.abc import Iterator, Mapping, Sequence

from opro_local.wording import counted

Record = Mapping[str, object]


def squad_articles(value: object) -> list[Record]:
    """The articles of such a file; none where it is another."""
    articles = _objects(value, "data")
    return articles if all("paragraphs" in article for article in articles) else []


def questions_of(articles: Sequence[Record]) -> Iterator[Record]:
    """In the order of the file."""
    for article in articles:
        title = {"title": article["title"]} if "title" in article else {}
        for paragraph in _objects(article, "paragraphs"):
            for question in _objects(paragraph, "qas"):
                yield title | {"context": paragraph.get("context")} | _without_impossible(question)


def account_of(articles: Sequence[Record]) -> Iterator[str]:
    """What the user should know of the file, if it is one."""
    questions = list(questions_of(articles))
    impossible = sum(map(_is_impossible, questions))
    if articles:
        paragraphs = counted(sum(len(_objects(each, "paragraphs")) for each in articles), "paragraph")
        whole = f"{paragraphs} of {counted(len(articles), 'article')}"
        yield f"SQuAD: {counted(len(questions), 'question')} on {whole}."
    if impossible:
        yield (
            f"{counted(impossible, 'question')} that the text does not answer (is_impossible): their answer "
            "is blank, see --blank."
        )


def _without_impossible(question: Record) -> dict[str, object]:
    """What such a question has for answers are plausible ones, which are wrong."""
    return {**question, **({"answers": []} if _is_impossible(question) else {})}


def _is_impossible(question: Record) -> bool:
    return question.get("is_impossible") is True


def _objects(value: object, key: str) -> list[Record]:
    """Those of a list of objects; none where there is no such list."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
