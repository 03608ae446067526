"""Objects of fields: what form a reply is held to, what one says, and what each field is worth."""

import json
from typing import Any

import pytest
import regex

from opro_local.answers import AnswerKind, grader_of, kind_class
from opro_local.config import FieldSettings
from opro_local.errors import DataError, SettingsError
from opro_local.reading.replies import Graded
from opro_local.records import Example, LabelledRow

DRINK = FieldSettings(name="drink", answer="label", labels=("tea", "iced tea", "coffee"))
CUPS = FieldSettings(name="cups", answer="number")
NOTE = FieldSettings(name="note", answer="text", required=False)
FAST = FieldSettings(name="fast", answer="boolean", labels=("false", "true"), required=False)
TARGET = '{"drink":"tea","cups":2,"note":"no milk"}'


def fields(*given: FieldSettings) -> AnswerKind:
    return kind_class("fields")(fields=given)


ORDER = fields(DRINK, CUPS, NOTE)


def graded(reply: str, target: str = TARGET, *, kind: AnswerKind = ORDER, cut: bool = False) -> Graded:
    return grader_of(kind).grade(reply, Example(id="1", text="Two teas.", target=target), cut=cut)


def allows(kind: AnswerKind, reply: str) -> bool:
    return regex.fullmatch(kind.constraint or "", reply) is not None


class TestForm:
    @pytest.mark.parametrize(
        "reply",
        [
            TARGET,
            '{"drink":"iced tea","cups":-1.5}',
            '{"drink":"tea","cups":0.666666666666667}',
            '{"drink":"coffee","cups":0,"note":"a \\"good\\" one \\\\ caf\u00e9"}',
        ],
    )
    def test_replies_of_the_form(self, reply: str) -> None:
        assert allows(ORDER, reply)
        assert isinstance(json.loads(reply), dict)

    @pytest.mark.parametrize(
        "reply",
        [
            '{"drink":"milk","cups":2}',
            '{"drink":"tea"}',
            '{"cups":2,"drink":"tea"}',
            '{"drink":"tea","cups":"2"}',
            '{"drink":"tea","cups":02}',
            '{"drink":"tea","cups":2,"note":""}',
            '{"drink":"tea","cups":2,"note":"a\nb"}',
            '{"drink":"tea","cups":2,"more":1}',
            '{"drink":"tea","cups":2,}',
            '{"drink":"tea", "cups":2}',
            '{"drink":"tea","cups":2} ',
        ],
    )
    def test_replies_of_another_form(self, reply: str) -> None:
        assert not allows(ORDER, reply)

    def test_any_fields_may_be_left_out_that_are_optional(self) -> None:
        said = {"note": '"n"', "fast": "true", "cups": "1"}
        for optional in ((True, True, True), (True, False, True), (False, True, True), (True, True, False)):
            given = [
                field.model_copy(update={"required": not left_out})
                for field, left_out in zip((NOTE, FAST, CUPS), optional, strict=True)
            ]
            kind = fields(*given)
            for there in range(8):
                names = [name for bit, name in enumerate(said) if there & 1 << bit]
                reply = "{" + ",".join(f'"{name}":{said[name]}' for name in names) + "}"
                lacking = any(field.required and field.name not in names for field in given)
                assert allows(kind, reply) == (not lacking), reply

    def test_a_pattern_of_plain_signs_is_the_form_of_its_field(self) -> None:
        plain = fields(FieldSettings(name="ref", answer="regex", pattern=r"[A-Z]-\d{4}"))
        assert allows(plain, '{"ref":"A-1234"}')
        assert not allows(plain, '{"ref":"1234"}')
        for pattern in (r"ref (\d+)", r".+", r"[^a]+", r"\bA\d"):
            assert allows(fields(FieldSettings(name="ref", answer="regex", pattern=pattern)), '{"ref":"so"}')

    def test_names_and_labels_may_hold_any_sign(self) -> None:
        odd = FieldSettings(name='a "b" (c)', answer="label", labels=('x|"y"', "z.*"))
        kind = fields(odd)
        for label in odd.labels:
            assert allows(kind, kind.written(json.dumps({odd.name: label})))
        assert not allows(kind, '{"a \\"b\\" (c)":"zzz"}')


class TestReading:
    @pytest.mark.parametrize(
        ("reply", "score"),
        [
            (TARGET, 1.0),
            (
                'Sure:\n```json\n{\n  "drink": "Tea",\n  "cups": "2",\n  "note": "no milk."\n}\n```\nDone.',
                1.0,
            ),
            ('{"note":"no milk","cups":2.0,"drink":"tea","more":[1,{"a":2}]}', 1.0),
            ('{"drink":"tea","cups":3,"note":"no milk"} {"drink":"tea","cups":2,"note":"no milk"}', 2 / 3),
            ('{"drink":"tea","cups":2}', 2 / 3),
            ('{"drink":"tea or coffee","cups":2,"note":null}', 1 / 3),
            ('{"drink":["tea"],"cups":{"n":2},"note":"no milk"}', 1 / 3),
            ('{"drink":"not tea","cups":"2 or 3","note":"no milk"}', 1 / 3),
            ("{}", 0.0),
        ],
    )
    def test_the_first_object_counts_field_by_field(self, reply: str, score: float) -> None:
        found = graded(reply)
        assert found.reason is None
        assert found.score == pytest.approx(score)

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            ("Two teas.", "no answer"),
            ('{"drink": tea}', "not valid JSON"),
            ("{'drink': 'tea'}", "no answer"),
            ('{"drink":"tea","cups":2', "not valid JSON"),
            ('{"drink":"tea","drink":"coffee","cups":2}', "several answers"),
            ('{"a":{"b":1,"b":2}}', "several answers"),
            ("[" * 100_000, "no answer"),
            ('{"drink":' * 100_000, "not valid JSON"),
            ('Q: another? {"drink":"tea","cups":2}', "no answer"),
        ],
    )
    def test_what_is_no_object_has_a_reason(self, reply: str, reason: str) -> None:
        assert graded(reply) == Graded(reason=reason)

    @pytest.mark.parametrize("reply", ['{"drink":"te', "I think that", '{"drink":"tea","cups":2,"note":"no'])
    def test_a_reply_that_is_cut_before_its_end_has_a_reason(self, reply: str) -> None:
        assert graded(reply, cut=True) == Graded(reason="cut off")
        assert graded(TARGET, cut=True).score == 1.0

    def test_a_reply_is_final_at_the_end_of_its_first_object(self) -> None:
        grader, whole = grader_of(ORDER), f'So: {{"drink":"tea","cups":2,"note":"a }} b"}} and more {TARGET}'
        ends = [end for end in range(len(whole)) if grader.is_final(whole[:end], "?")]
        assert whole[: ends[0]].endswith('b"}')
        assert {graded(whole[:end]) for end in ends} == {graded(whole)}

    def test_an_optional_field_is_right_where_neither_has_it(self) -> None:
        without = '{"drink":"tea","cups":2}'
        for reply, score in ((without, 1.0), (TARGET, 2 / 3), (without.replace("}", ',"note":null}'), 1.0)):
            assert graded(reply, without).score == pytest.approx(score)
        unread = graded('{"drink":"tea","cups":2,"fast":"perhaps"}', without, kind=fields(DRINK, CUPS, FAST))
        assert unread.score == pytest.approx(2 / 3)
        assert unread.prediction == '{"drink":"tea","cups":2,"fast":null}'

    def test_each_part_is_worth_its_own(self) -> None:
        prediction = graded('{"drink":"coffee","cups":2,"note":"no milk"}').prediction
        assert ORDER.parts(prediction, TARGET) == {"drink": 0.0, "cups": 1.0, "note": 1.0}
        assert ORDER.parts(None, TARGET) == {"drink": 0.0, "cups": 0.0, "note": 0.0}

    def test_numbers_are_compared_by_their_own_rules(self) -> None:
        comma = fields(FieldSettings(name="sum", answer="number", decimal="comma", tolerance="1 %"))
        target = comma.written('{"sum":"1.234,5"}')
        assert target == '{"sum":1234.5}'
        for reply, score in (('{"sum":1240}', 1.0), ('{"sum":"1.240,0"}', 1.0), ('{"sum":1.2345}', 0.0)):
            assert graded(reply, target, kind=comma).score == score

    def test_no_grader_was_published(self) -> None:
        with pytest.raises(SettingsError, match="--grading strict"):
            grader_of(ORDER, "official")


def rows(*targets: dict[str, str]) -> list[LabelledRow]:
    return [
        LabelledRow(where=f"line {i}", text=f"text {i}", target=json.dumps(target))
        for i, target in enumerate(targets)
    ]


class TestTargets:
    def test_what_kinds_find_in_a_table_is_found_for_each_field(self) -> None:
        table = rows(*({"drink": drink, "sum": "1,5"} for drink in ("tea", "tea", "coffee", "coffee")))
        given = [FieldSettings(name="drink"), FieldSettings(name="sum", answer="number")]
        drink, price = kind_class("fields").fields_of(table, given)
        assert (drink.labels, price.decimal) == (("coffee", "tea"), "comma")

    def test_a_text_may_be_twice_as_long_as_the_longest_that_is_right(self) -> None:
        table = rows({"note": "x" * 30}, {"note": "y" * 10})
        for given, most in ((None, 60), (7, 7)):
            field = FieldSettings(name="note", answer="text", longest=given)
            kind = fields(*kind_class("fields").fields_of(table, [field]))
            assert allows(kind, f'{{"note":"{"z" * most}"}}')
            assert not allows(kind, f'{{"note":"{"z" * (most + 1)}"}}')

    @pytest.mark.parametrize(
        ("field", "told"),
        [
            ({"answer": "choice"}, "cannot be one. Take boolean or"),
            ({"answer": "fields"}, "cannot be one"),
            ({"answer": "labels"}, "cannot be one"),
            ({"answer": "span"}, "cannot be one"),
            ({"answer": "judged"}, "cannot be one"),
            ({"answer": "number", "labels": ("1", "2")}, "takes no labels"),
            ({"answer": "regex"}, "needs a pattern"),
            ({"answer": "nonsense"}, "is none of"),
        ],
    )
    def test_a_field_of_a_wrong_kind_is_refused(self, field: dict[str, Any], told: str) -> None:
        with pytest.raises(SettingsError, match=told):
            kind_class("fields").fields_of(rows({"a": "1"}), [FieldSettings(name="a", **field)])

    def test_what_a_kind_refuses_is_told_with_the_field(self) -> None:
        with pytest.raises(DataError, match=r"field 'drink': .*one example only"):
            kind_class("fields").fields_of(
                rows({"drink": "tea"}, {"drink": "cola"}), [FieldSettings(name="drink")]
            )

    @pytest.mark.parametrize(
        ("target", "told"),
        [
            ({"drink": "tea"}, "no 'cups'"),
            ({"drink": "tea", "cups": "some"}, "'cups': the label is not a number"),
            ({"drink": "tea", "cups": "2", "note": "x" * 401}, "'note': too long"),
            ({"drink": "tea", "cups": "1e30"}, "'cups': too long"),
            ({"drink": "tea", "cups": "2", "note": "two\nlines"}, None),
        ],
    )
    def test_a_target_that_no_reply_could_equal_is_a_fault(
        self, target: dict[str, str], told: str | None
    ) -> None:
        (row,) = rows(target)
        fault = ORDER.fault(row, published=False)
        assert fault is None if told is None else fault is not None and fault.startswith(told)

    def test_every_target_is_of_the_form(self) -> None:
        raw = {"note": " two\nlines ", "cups": "1,234.50", "drink": "iced tea"}
        written = ORDER.written(json.dumps(raw))
        assert written == '{"drink":"iced tea","cups":1234.5,"note":"two lines"}'
        assert allows(ORDER, written)
        assert graded(written, written).score == 1.0
