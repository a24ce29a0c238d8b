"""Answers that people rated in sheets, in several languages and on turned scales."""

# ruff: noqa: E501

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import GERMAN, SUPPORT, WORK, Item, Texts
from ..texts_more import DUTCH, POLISH
from ..truths import HAND, judged, rated, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)

TURKISH = [
    Item("Şifremi nasıl değiştiririm?", "Ayarlar > Hesap > Şifre değiştir yolunu izleyin ve e-postayı onaylayın.", "Ayarlardan.", "Bilmiyorum."),
    Item("Kargom ne zaman gelir?", "Salı günü yola çıktı, iki iş günü içinde kapınızda olur.", "Yakında.", "Bekleyin."),
    Item("Ürünü iade edebilir miyim?", "Evet, otuz gün içinde fişle birlikte ücretsiz iade edebilirsiniz.", "Belki.", "Hayır, asla."),
    Item("Fatura bana ulaşmadı", "Özür dileriz, e-posta adresinize yeniden gönderdik.", "E-postanıza bakın.", "Bizim sorunumuz değil."),
    Item("Gökyüzü neden mavidir?", "Hava kısa dalga boylu ışığı daha çok saçar.", "Saçılma yüzünden.", "Deniz yansıyor."),
]  # fmt: skip
CZECH = [
    Item("Jak změním heslo?", "Otevřete Nastavení > Účet > Změnit heslo a potvrďte odkaz v e-mailu.", "V nastavení.", "Nevím."),
    Item("Kdy dorazí můj balík?", "V úterý opustil sklad, doručíme ho do dvou pracovních dnů.", "Brzy.", "Počkejte si."),
    Item("Mohu zboží vrátit?", "Ano, do třiceti dnů s účtenkou a bez poplatku.", "Někdy ano.", "Ne, nikdy."),
    Item("Kdo napsal Babičku?", "Božena Němcová, vyšla roku 1855.", "Česká spisovatelka.", "Karel Čapek včera."),
    Item("Proč je nebe modré?", "Vzduch více rozptyluje krátké vlny světla.", "Kvůli rozptylu.", "Odráží se v něm moře."),
]  # fmt: skip
RUSSIAN = [
    Item("Как сменить пароль?", "Откройте Настройки > Аккаунт > Сменить пароль и подтвердите по ссылке из письма.", "В настройках.", "Не знаю."),
    Item("Когда придёт посылка?", "Она вышла со склада во вторник и будет у вас через два рабочих дня.", "Скоро.", "Ждите."),
    Item("Можно ли вернуть товар?", "Да, в течение тридцати дней с чеком и бесплатно.", "Иногда.", "Нет, никогда."),
    Item("Кто написал «Анну Каренину»?", "Лев Толстой, роман вышел в 1877 году.", "Русский писатель.", "Пушкин, вчера."),
    Item("Почему небо голубое?", "Воздух сильнее рассеивает короткие волны света.", "Из-за рассеяния.", "В нём отражается море."),
]  # fmt: skip


@file
def puan_yildiz() -> Made:
    t = Texts(401, TURKISH)
    rows = []
    for item in t.draw(20):
        for answer, mark in ((item.good, t.number(4, 5)), (item.poor, t.number(1, 2))):
            rows.append(
                {
                    "Tarih": t.time("d"),
                    "Soru": item.question,
                    "Yanıt": answer,
                    "Puan": mark,
                    "Değerlendiren": t.pick("Ayşe", "Mehmet", "Elif"),
                }
            )
    return Made("puanlar.csv", table(rows, ";", "utf-8-sig"), judged(
        "Turkish points from 1 to 5, two answers to each question, three people", HAND,
        *rated("Soru", "Yanıt", "Puan", "high", "1", "3", "5"),
        judgements=["Puan"], never=["Tarih", "Değerlendiren"]))  # fmt: skip


@file
def ceska_znamka() -> Made:
    t = Texts(402, CZECH)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, mark = t.pick((item.good, 1), (item.good, 2), (item.fair, 3), (item.poor, 5))
        rows.append(
            {
                "č.": n + 1,
                "Otázka": item.question,
                "Odpověď": answer,
                "Známka": mark,
                "Hodnotil": t.pick("Jana", "Petr"),
            }
        )
    return Made("znamky.xlsx", workbook(rows, "List1"), judged(
        "Czech school marks: 1 is the best, 5 the worst", HAND,
        *rated("Otázka", "Odpověď", "Známka", "low", "5", "3", "1"),
        judgements=["Známka"], never=["č.", "Hodnotil"]))  # fmt: skip


@file
def ocenka_plus_minus() -> Made:
    t = Texts(403, RUSSIAN)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "+"), (item.poor, "-"))
        rows.append(
            {
                "Вопрос": item.question,
                "Ответ": answer,
                "Оценка": t.pick(mark, mark, mark, ""),
                "Проверил": t.pick("Иван", "Ольга"),
            }
        )
    return Made("оценки.csv", table(rows), judged(
        "Russian: + and - and empty cells under 'mark'", HAND,
        thumbs("Вопрос", "Ответ", "Оценка", **{"+": "good", "-": "bad"}),
        judgements=["Оценка"], never=["Проверил"]))  # fmt: skip


@file
def daumen_hoch_runter() -> Made:
    t = Texts(404, GERMAN)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "Daumen hoch"), (item.poor, "Daumen runter"))
        rows.append({"Zeit": t.time(" "), "Frage": item.question, "Antwort": answer, "Rückmeldung": mark})
    return Made("rueckmeldungen.csv", table(rows, ";"), judged(
        "German: thumb up and thumb down in words, a time in the first column", HAND,
        thumbs("Frage", "Antwort", "Rückmeldung", **{"Daumen hoch": "good", "Daumen runter": "bad"}),
        judgements=["Rückmeldung"], never=["Zeit"]))  # fmt: skip


@file
def ok_hand_and_thumb() -> Made:
    t = Texts(405, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "👌"), (item.poor, "👎"), (item.fair, "🤷"))
        rows.append(
            {"when": t.time(), "ask": item.question, "bot": answer, "reaction": mark, "channel": t.pick("web", "app")}
        )
    return Made("reactions.jsonl", jsonl(rows), judged(
        "an OK hand, a thumb down and a shrug", HAND,
        thumbs("ask", "bot", "reaction", **{"👌": "good", "👎": "bad", "🤷": "neutral"}),
        judgements=["reaction"], never=["when", "channel"]))  # fmt: skip


@file
def quality_with_gaps() -> Made:
    t = Texts(406)
    rows = []
    for n, item in enumerate(t.draw(18)):
        for answer, mark in ((item.good, t.number(7, 10)), (item.poor, t.number(1, 4))):
            score = "N/A" if n % 7 == 3 else "" if n % 7 == 5 else mark
            rows.append(
                {"prompt": item.question, "model_answer": answer, "answered_at": t.time(" "), "quality_score": score}
            )
    return Made("quality.csv", table(rows), judged(
        "scores from 1 to 10 with N/A and empty cells, and a time between answer and score", HAND,
        *rated("prompt", "model_answer", "quality_score", "high", "1", "5", "10"),
        judgements=["quality_score"], never=["answered_at"]))  # fmt: skip


@file
def frustration_zero_to_ten() -> Made:
    t = Texts(407, SUPPORT)
    rows = []
    for item in t.draw(18):
        for answer, mark in ((item.good, t.number(0, 3)), (item.poor, t.number(7, 10))):
            rows.append(
                {
                    "customer_message": item.question,
                    "agent_reply": answer,
                    "frustration": mark,
                    "reviewer": t.pick("kim", "lou"),
                }
            )
    return Made("frustration.jsonl", jsonl(rows), judged(
        "frustration from 0 to 10: the higher, the worse", HAND,
        *rated("customer_message", "agent_reply", "frustration", "low", "10", "5", "0"),
        judgements=["frustration"], never=["reviewer"]))  # fmt: skip


@file
def stars_come_first() -> Made:
    t = Texts(408, WORK)
    rows = []
    for item in t.draw(18):
        for answer, mark in ((item.poor, t.number(1, 2)), (item.good, t.number(4, 5))):
            rows.append({"stars": mark, "output": answer, "input": item.question, "id": t.uuid()})
    return Made("stars.jsonl", jsonl(rows), judged(
        "the rating first, then the answer, then the question", HAND,
        *rated("input", "output", "stars", "high", "1", "3", "5"),
        judgements=["stars"], never=["id"]))  # fmt: skip


@file
def marks_by_jo_and_ann() -> Made:
    t = Texts(409)
    rows = []
    for item in t.draw(14):
        for answer, mark in ((item.good, t.number(7, 10)), (item.poor, t.number(1, 5))):
            rows.append(
                {"by": t.pick("jo", "ann", "raj"), "question": item.question, "answer": answer, "marks out of 10": mark}
            )
    return Made("marks.csv", table(rows), judged(
        "marks out of 10, and who gave them, under 'by'", HAND,
        *rated("question", "answer", "marks out of 10", "high", "1", "6", "10"),
        judgements=["marks out of 10"], never=["by"]))  # fmt: skip


@file
def goed_fout_matig() -> Made:
    t = Texts(410, DUTCH)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "goed"), (item.fair, "matig"), (item.poor, "slecht"))
        rows.append({"vraag": item.question, "antwoord": answer, "oordeel": mark, "wie": t.pick("Sanne", "Daan")})
    return Made("oordelen.csv", table(rows, ";"), judged(
        "Dutch: good, moderate, bad", HAND,
        thumbs("vraag", "antwoord", "oordeel", goed="good", matig="neutral", slecht="bad"),
        judgements=["oordeel"], never=["wie"]))  # fmt: skip


@file
def oceny_szkolne() -> Made:
    t = Texts(411, POLISH)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, 6), (item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {"Pytanie": item.question, "Odpowiedź": answer, "Ocena (1-6)": mark, "Sprawdzający": t.pick("Ewa", "Jan")}
        )
    return Made("oceny.csv", table(rows, ";"), judged(
        "Polish school marks: 6 is the best", HAND,
        *rated("Pytanie", "Odpowiedź", "Ocena (1-6)", "high", "1", "3", "6"),
        judgements=["Ocena (1-6)"], never=["Sprawdzający"]))  # fmt: skip
