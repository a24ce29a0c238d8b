"""Hand-written questions and answers in further languages."""

# ruff: noqa: E501

from .texts import Item

PORTUGUESE = [
    Item(*four)
    for four in (
        ("Como altero a minha senha?", "Abra Configurações > Conta > Alterar senha e siga o link que enviamos por e-mail.", "Nas configurações.", "Não sei."),
        ("Qual é o prazo de entrega?", "De três a cinco dias úteis no continente e sete nas ilhas.", "Alguns dias.", "Espere."),
        ("Por que o céu é azul?", "O ar espalha mais a luz de ondas curtas, por isso o azul chega de todos os lados.", "Por causa da luz.", "Porque o mar é azul."),
        ("Posso devolver um produto aberto?", "Sim, durante trinta dias, com a caixa e o recibo.", "Às vezes.", "Nunca."),
        ("Quem escreveu Os Lusíadas?", "Luís de Camões, publicado em 1572.", "Um poeta português.", "Fernando Pessoa, ontem."),
        ("A fatura não chegou", "Peço desculpa. Enviámos de novo para o seu e-mail; veja também a pasta de spam.", "Veja o seu e-mail.", "O problema é seu."),
    )
]  # fmt: skip

ITALIAN = [
    Item(*four)
    for four in (
        ("Come posso cambiare l'indirizzo di spedizione?", "Apra il profilo, tocchi la matita accanto all'indirizzo e confermi con il codice.", "Nel profilo.", "Non si può."),
        ("Quanto dura la garanzia?", "Due anni dalla data di acquisto, per i ricambi e la manodopera.", "Qualche anno.", "È già finita."),
        ("Perché il mare è salato?", "I fiumi portano sali dalle rocce; l'acqua evapora e il sale rimane.", "Per via del sale.", "Perché i pesci sudano."),
        ("Chi ha dipinto la Primavera?", "Sandro Botticelli, verso il 1480.", "Un pittore italiano.", "Picasso, nel 2001."),
        ("Il codice sconto non funziona", "È scaduto il 31 marzo. Ecco un nuovo codice del 10 %: CIAO10.", "Forse è scaduto.", "Peccato."),
        ("Quanto deve bollire un uovo sodo?", "Da otto a nove minuti, poi va raffreddato sotto l'acqua.", "Un po'.", "Due ore."),
    )
]  # fmt: skip

CHINESE = [
    Item(*four)
    for four in (
        ("怎么煮鸡蛋？", "把鸡蛋放进沸水里煮七到九分钟，然后用冷水冷却。", "用水煮一会儿。", "带壳放进微波炉。"),
        ("天空为什么是蓝色的？", "空气对短波长的光散射更强，所以蓝光从各个方向射来。", "因为光的散射。", "因为海是蓝的。"),
        ("澳大利亚的首都是哪里？", "堪培拉。", "我想不是悉尼。", "悉尼。"),
        ("忘记密码怎么办？", "请在登录页点击“忘记密码”，然后按照邮件里的链接重新设置。", "重新设置。", "自己想想。"),
        ("可以退货吗？", "可以，收到商品后三十天内免费退货，请保留包装和收据。", "有时可以。", "不行。"),
        ("谁写了《红楼梦》？", "一般认为是清代的曹雪芹。", "一位清代作家。", "鲁迅。"),
    )
]  # fmt: skip

KOREAN = [
    Item(*four)
    for four in (
        ("달걀은 어떻게 삶나요?", "끓는 물에 칠 분에서 구 분 동안 삶은 뒤 찬물에 식히세요.", "물에 삶으세요.", "껍질째 전자레인지에 돌리세요."),
        ("하늘은 왜 파란가요?", "공기가 짧은 파장의 빛을 더 강하게 산란시키기 때문입니다.", "빛의 산란 때문입니다.", "바다가 비쳐서요."),
        ("환불이 가능한가요?", "네, 받은 날부터 삼십 일 안에는 무료로 환불해 드립니다.", "가능할 때도 있습니다.", "안 됩니다."),
        ("호주의 수도는 어디인가요?", "캔버라입니다.", "시드니는 아닌 것 같아요.", "시드니입니다."),
        ("비밀번호를 잊어버렸어요.", "로그인 화면에서 '비밀번호 찾기'를 누르고 메일의 안내를 따르세요.", "다시 설정하세요.", "기억해 보세요."),
    )
]  # fmt: skip

DUTCH = [
    Item(*four)
    for four in (
        ("Hoe wijzig ik mijn wachtwoord?", "Ga naar Instellingen > Account > Wachtwoord wijzigen en volg de link in de e-mail.", "In de instellingen.", "Dat weet ik niet."),
        ("Wanneer komt mijn pakket?", "Het vertrok dinsdag uit ons magazijn; de link in uw e-mail toont waar het is.", "Binnenkort.", "Vraag het de chauffeur."),
        ("Kan ik mijn abonnement opzeggen?", "Ja, onder Mijn account > Abonnement > Opzeggen. Het loopt door tot het einde van de maand.", "Misschien.", "Nee."),
        ("Waarom is de lucht blauw?", "De lucht verstrooit kort golvend licht sterker, zodat blauw van alle kanten komt.", "Door verstrooiing.", "Door de zee."),
        ("Wie schilderde De Nachtwacht?", "Rembrandt van Rijn, in 1642.", "Een Nederlandse schilder.", "Vincent van Gogh."),
        ("De kortingscode werkt niet", "Die is op 31 maart verlopen. Hier is een nieuwe van 10 %: HOI10.", "Misschien is hij verlopen.", "Jammer."),
    )
]  # fmt: skip

POLISH = [
    Item(*four)
    for four in (
        ("Jak zmienić hasło?", "Proszę otworzyć Ustawienia > Konto > Zmień hasło i kliknąć link z wiadomości e-mail.", "W ustawieniach.", "Proszę zapytać kogoś innego."),
        ("Kiedy dojdzie moja paczka?", "Wyszła z magazynu we wtorek i powinna dotrzeć w ciągu dwóch dni roboczych.", "Niedługo.", "Paczki czasem giną, trudno."),
        ("Czy mogę zwrócić otwarty produkt?", "Tak, w ciągu 30 dni, jeśli zachowa Pani pudełko i paragon.", "Czasami tak.", "Nigdy, to Pana wina."),
        ("Dlaczego niebo jest niebieskie?", "Powietrze silniej rozprasza krótkie fale, dlatego błękit dociera ze wszystkich stron.", "Przez rozpraszanie.", "Bo odbija się w nim morze."),
        ("Kto napisał Lalkę?", "Bolesław Prus; powieść ukazała się w latach 1887-1889.", "Polski pisarz.", "Adam Mickiewicz wczoraj wieczorem."),
        ("Nie działa kod rabatowy", "Wygasł 31 marca, przepraszamy. Oto nowy kod na 10 %: CZESC10.", "Może wygasł.", "Proszę kupić bez rabatu."),
        ("Ile gotować jajko na twardo?", "Od ośmiu do dziewięciu minut, a potem schłodzić w zimnej wodzie.", "Jakiś czas.", "Dwie godziny w piekarniku."),
    )
]  # fmt: skip

ARABIC = [
    Item(*four)
    for four in (
        ("كيف أغير كلمة المرور؟", "افتح الإعدادات ثم الحساب ثم تغيير كلمة المرور واتبع الرابط الذي يصلك بالبريد.", "من الإعدادات.", "لا أستطيع مساعدتك في ذلك."),
        ("متى تصل الطلبية؟", "غادرت المستودع يوم الثلاثاء وتصل خلال ثلاثة أيام عمل.", "قريبا إن شاء الله.", "اسأل السائق بنفسك."),
        ("هل يمكنني إرجاع منتج مفتوح؟", "نعم، خلال ثلاثين يوما إذا احتفظت بالعلبة والفاتورة.", "أحيانا.", "ممنوع تماما وإلى الأبد."),
        ("لماذا السماء زرقاء؟", "لأن الهواء يشتت الموجات القصيرة أكثر، فيأتي الضوء الأزرق من كل الجهات.", "بسبب الضوء.", "لأن البحر ينعكس عليها."),
        ("ما عاصمة أستراليا؟", "عاصمة أستراليا هي كانبرا.", "ليست سيدني فيما أظن.", "عاصمتها سيدني بالتأكيد."),
        ("كم دقيقة أسلق البيض؟", "من سبع إلى تسع دقائق ثم ضعه في ماء بارد.", "بعض الوقت.", "ساعتين في الفرن."),
    )
]  # fmt: skip
