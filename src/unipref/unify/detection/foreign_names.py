"""Names of fields in languages other than English, with the English word that the other modules know."""

import unicodedata

_WORDS = {
    "question": "pregunta fraga frage domanda pergunta vraag demande pytanie requete anfrage consulta soru otazka "
    "kysymys spørgsmal spørsmal kerdes intrebare pertanyaan ερωτηση",
    "prompt": "aufforderung consigne eingabe entrada invite",
    "answer": "respuesta reponse antwort risposta resposta antwoord odpowiedz svar yanıt cevap odpoved vastaus valasz "
    "raspuns jawaban απαντηση",
    "output": "ausgabe sortie salida uscita saida",
    "rating": "valoracion puntuacion calificacion bewertung note punteggio avaliacao nota beoordeling ocena "
    "puan znamka hodnoceni arvosana karakter ertekeles penilaian βαθμος "
    "valutazione evaluacion betyg schulnote cijfer waardering puntaje puntuacao",
    "vote": "voto votos votacion votazione",
    "satisfied": "tevreden zufrieden satisfait satisfaite satisfecho satisfecha soddisfatto soddisfatta satisfeito "
    "zadowolony zadowolona nojd",
    "customer": "cliente kunde client klant kund",
    "assistant": "asistente assistente assistent",
    "comment": "commentaire comentario kommentar commento opmerking komentarz",
    "annotator": "evaluateur evaluador bewerter annotateur anotador gutachter correcteur revisor valutatore "
    "prufer pruferin beurteiler juez jurado juge giudice beoordelaar degerlendiren avaliador hodnotil hodnotitel "
    "sprawdzajacy oceniajacy bedomare",
    "who": "wer qui quien chi quem wie kto kim hvem vem",
    "date": "fecha datum data",
    "number": "nummer numero",
    "name": "nombre nom nome naam",
    "helpful": "util utile hilfreich nuttig pomocna",
    "correct": "correcto correcta richtig corretto correto juste",
    "wrong": "incorrecto falsch errado sbagliato faux",
    "winner": "ganador ganadora gewinner gagnant vincitore vencedor sieger",
    "verdict": "urteil veredicto verdetto verdict juicio jugement giudizio oordeel",
    "better": "mejor besser meilleur meilleure migliore melhor bessere besserer besseres lepsza lepszy lepsi battre",
    "worse": "schlechter schlechtere schlechterer schlechteres slechter slechtere gorsza gorszy horsi samre",
    "feedback": "ruckmeldung retroalimentacion riscontro terugkoppeling",
    "best": "beste bester bestes najlepsza najlepszy",
    "worst": "pire pires peor peores pior piores peggiore peggior schlechteste schlechtester slechtste najgorsza "
    "najgorszy samsta",
    "chosen": "elegida elegido gewahlt choisi scelta escolhida",
    "rejected": "rechazada rechazado abgelehnt rejete rifiutata rejeitada",
    "stars": "sterne etoiles estrellas stelle estrelas sterren",
    "satisfaction": "satisfaccion zufriedenheit soddisfazione satisfacao",
}
_SCRIPTS = {
    "question": "質問 問題 问题 提问 提問 질문 вопрос питання سؤال प्रश्न",
    "prompt": "プロンプト 提示 指令 指示 入力 输入",
    "answer": "回答 答え 答案 回复 回覆 応答 返答 답변 ответ відповідь جواب उत्तर",
    "output": "出力 输出",
    "rating": "評価 評分 评分 打分 点数 得分 스코어 평점 оценка تقييم",
    "winner": "勝者 胜者 勝ち",
    "better": "良い方 いい方 更好 较好 더좋은 лучше",
    "best": "最も良い 最もよい 一番良い 最良 最好 最佳 最優 лучший",
    "worst": "最も悪い 一番悪い 最悪 最差 худший",
    "chosen": "選択 选择 选中",
    "comment": "コメント 备注 評語 评论 комментарий",
    "annotator": "評価者 標注者 标注者 评估者 평가자 провер оценщик оценил",
    "number": "番号 编号 編號 номер",
    "date": "日付 日期 날짜 дата",
    "helpful": "役に立った 有用 有帮助",
}
"""English word -> words in other scripts, which occur in names without spaces around them."""
_ENGLISH = {word: english for english, words in _WORDS.items() for word in words.split()}
_TEXTS = {"question", "prompt", "answer", "output"}
_PARTS = sorted(
    ((part, english) for english, parts in _SCRIPTS.items() for part in parts.split()),
    key=lambda pair: (pair[1] in _TEXTS, -len(pair[0])),
)
"""What a name says of a text counts before the text: `最佳答案` is the best answer."""


def to_english(word: str) -> str:
    """Returns the English word for a word of a name, in lower case and without accents; unknown words stay."""
    if not word.isascii():
        for part, english in _PARTS:
            if part in word:
                return english
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return _ENGLISH.get(word, word)
