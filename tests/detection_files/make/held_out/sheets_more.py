"""Spreadsheets of support teams in Japanese, Arabic and French."""

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import FRENCH, JAPANESE, Texts
from ..texts_more import ARABIC
from ..truths import HAND, judged, rated, reading, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def japanese_satisfaction() -> Made:
    t = Texts(487, JAPANESE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "大変満足"), (item.good, "満足"), (item.fair, "普通"), (item.poor, "不満"))
        rows.append(
            {
                "受付番号": 3000 + n,
                "お問い合わせ": item.question,
                "回答": answer,
                "満足度": mark,
                "担当": t.pick("田中", "鈴木"),
            }
        )
    return Made(
        "満足度調査.csv",
        table(rows, ",", "utf-8-sig"),
        judged(
            "Japanese satisfaction in words: very satisfied, satisfied, neither, dissatisfied",
            HAND,
            thumbs(
                "お問い合わせ",
                "回答",
                "満足度",
                **{"大変満足": "good", "満足": "good", "普通": "neutral", "不満": "bad"},
            ),
            judgements=["満足度"],
            never=["受付番号", "担当"],
        ),
    )


@file
def japanese_best_of_three() -> Made:
    t = Texts(488, JAPANESE)
    rows = []
    for item in t.draw(18):
        texts = [item.good, item.fair, item.poor]
        t.random.shuffle(texts)
        rows.append(
            {
                "質問": item.question,
                "回答A": texts[0],
                "回答B": texts[1],
                "回答C": texts[2],
                "最も良い回答": "ABC"[texts.index(item.good)],
                "評価者": t.pick("佐藤", "山本"),
            }
        )
    answers = ["回答A", "回答B", "回答C"]
    return Made(
        "三択.xlsx",
        workbook(rows, "比較"),
        judged(
            "Japanese: three answers and the letter of the best one",
            HAND,
            reading("multiple_choice", prompt="質問", options=answers, answer="最も良い回答", labels=["A", "B", "C"]),
            judgements=["最も良い回答"],
            never=["評価者"],
        ),
    )


@file
def japanese_error_mark() -> Made:
    t = Texts(489, JAPANESE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "なし"), (item.poor, "あり"))
        rows.append({"No": n + 1, "質問文": item.question, "AI回答": answer, "誤り": mark, "確認日": t.time(" ")})
    return Made(
        "確認.tsv",
        table(rows, "\t"),
        judged(
            "Japanese: 誤り (an error) is あり (there is one) or なし (there is none)",
            HAND,
            thumbs("質問文", "AI回答", "誤り", なし="good", あり="bad"),
            judgements=["誤り"],
            never=["No", "確認日"],
        ),
    )


@file
def arabic_yes_no() -> Made:
    t = Texts(490, ARABIC)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "نعم"), (item.poor, "لا"), (item.fair, ""))
        rows.append(
            {
                "الرقم": n + 1,
                "السؤال": item.question,
                "الإجابة": answer,
                "هل الإجابة مفيدة؟": mark,
                "التاريخ": t.time("d"),
            }
        )
    return Made(
        "تقييم.csv",
        table(rows, ",", "utf-8-sig"),
        judged(
            "Arabic: whether the answer is useful, نعم (yes), لا (no) or blank",
            HAND,
            thumbs("السؤال", "الإجابة", "هل الإجابة مفيدة؟", نعم="good", لا="bad"),
            judgements=["هل الإجابة مفيدة؟"],
            never=["الرقم", "التاريخ"],
        ),
    )


@file
def arabic_places() -> Made:
    t = Texts(491, ARABIC)
    rows = []
    for n, item in enumerate(t.draw(6)):
        answers = [(item.good, 1), (item.fair, 2), (item.poor, 3)]
        t.random.shuffle(answers)
        for text, place in answers:
            rows.append({"رقم السؤال": n, "السؤال": item.question, "الرد": text, "الترتيب (1 الأفضل)": place})
    field = "الترتيب (1 الأفضل)"
    return Made(
        "ترتيب.xlsx",
        workbook(rows, "ورقة1"),
        judged(
            "Arabic: the place of each reply, with 1 as the best, which the name of the column says",
            HAND,
            *rated("السؤال", "الرد", field, "low", "3", "2", "1"),
            judgements=[field],
            never=["رقم السؤال"],
        ),
    )


@file
def pertinent_et_mecontent() -> Made:
    t = Texts(492, FRENCH)
    rows = []
    for n, item in enumerate(t.draw(21)):
        answer, mark = t.pick((item.good, "Oui"), (item.poor, "Non"), (item.fair, "Partiellement"))
        rows.append(
            {
                "N° dossier": 600 + n,
                "Demande du client": item.question,
                "Client mécontent": t.pick("Oui", "Non"),
                "Réponse de l'assistant": answer,
                "Réponse pertinente ?": mark,
                "Agence": t.pick("Lyon", "Lille"),
            }
        )
    return Made(
        "dossiers.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "French: whether the reply is relevant; another column says whether the customer was unhappy before",
            HAND,
            thumbs(
                "Demande du client",
                "Réponse de l'assistant",
                "Réponse pertinente ?",
                Oui="good",
                Non="bad",
                Partiellement="neutral",
            ),
            judgements=["Réponse pertinente ?"],
            where=["Client mécontent"],
            never=["N° dossier", "Agence"],
        ),
    )


@file
def note_sur_vingt() -> Made:
    t = Texts(493, FRENCH)
    rows = []
    for item in t.draw(21):
        answer, mark = t.pick((item.good, "17,5/20"), (item.good, "16/20"), (item.fair, "10/20"), (item.poor, "2,5/20"))
        rows.append({"consigne": item.question, "production": answer, "note": mark, "correcteur": t.pick("C1", "C2")})
    return Made(
        "copies.xlsx",
        workbook(rows, "Copies"),
        judged(
            "French notes of twenty, as text with decimal commas",
            HAND,
            reading("ratings", prompt="consigne", response="production", scores={"note": "high"}),
            reading(
                "thumbs",
                prompt="consigne",
                response="production",
                label="note",
                codes={"17,5/20": "good", "16/20": "good", "10/20": "neutral", "2,5/20": "bad"},
            ),
            judgements=["note"],
            needs={"note": ["pattern", "codes"]},
            never=["correcteur"],
        ),
    )


@file
def francais_pire_en_premier() -> Made:
    t = Texts(494, FRENCH)
    rows = [
        {
            "question": item.question,
            "pire_reponse": item.poor,
            "reponse_moyenne": item.fair,
            "meilleure_reponse": item.good,
        }
        for item in t.draw(18)
    ]
    answers = ["pire_reponse", "reponse_moyenne", "meilleure_reponse"]
    return Made(
        "classement.jsonl",
        jsonl(rows),
        judged(
            "French: three columns whose names are the order, the worst one first",
            HAND,
            reading("ranking", prompt="question", answers=answers, order="worst_first"),
            reading("ranking", prompt="question", answers=answers[::-1], order="best_first"),
            reading("pairs", prompt="question", chosen="meilleure_reponse", rejected="pire_reponse"),
            judgements=["reponse_moyenne"],
        ),
    )
