"""Hand-written questions and answers, and how one seeded number generator varies them."""

# ruff: noqa: E501

import random
from typing import NamedTuple


class Item(NamedTuple):
    """A question, a good answer, a middling one and a poor one."""

    question: str
    good: str
    fair: str
    poor: str


ENGLISH = [
    Item(*four)
    for four in (
        ("How do I boil an egg?", "Put it in boiling water for seven to nine minutes, then cool it under the tap.", "Boil it for a while and then eat it.", "Just microwave it in its shell."),
        ("What causes tides?", "Mostly the moon's gravity, and to a lesser degree the sun's.", "The moon has something to do with it.", "Wind that blows on the sea."),
        ("Why is the sky blue?", "Air scatters short wavelengths more strongly, so blue light reaches us from all sides.", "Because of scattering of light.", "It reflects the ocean."),
        ("How far is the moon?", "About 384,000 kilometres on average.", "Several hundred thousand kilometres.", "Roughly as far as Australia."),
        ("Can I freeze cooked rice?", "Yes. Cool it quickly, freeze it in portions, and use it within three months.", "You can, but it gets dry.", "No, frozen rice is poisonous."),
        ("What does HTTP 404 mean?", "The server is reachable, but it has nothing at that address.", "It is an error of a web page.", "Your computer has a virus."),
        ("Write a haiku about snow.", "Quiet flakes descend\nthe street forgets its edges\none lamp keeps the night", "Snow is white and cold, it falls on the ground all day, I like the snow much", "Roses are red, snow is cold."),
        ("Who wrote Middlemarch?", "George Eliot, the pen name of Mary Ann Evans, published it in 1871 and 1872.", "An English author of the 19th century.", "Charles Dickens wrote it in 1921."),
        ("How do I undo the last git commit but keep my changes?", "Run `git reset --soft HEAD~1`. Your changes stay staged.", "Use git reset somehow.", "Delete the .git folder and start again."),
        ("Explain recursion to a child.", "Imagine a box with a smaller box inside, and so on. You open each in the same way until one is empty.", "It is when a function calls itself.", "Recursion: see recursion."),
        ("What is the capital of Australia?", "Canberra.", "It is not Sydney, I think.", "Sydney, of course."),
        ("How much water should a cactus get?", "Little: soak it every two to four weeks in summer and hardly ever in winter.", "Some water, from time to time.", "Two litres each day."),
        ("Summarise the plot of Hamlet in one sentence.", "A prince who hesitates to avenge his murdered father brings ruin on the whole court.", "A prince has problems with his family.", "Two lovers from rival families die."),
        ("Is it safe to look at a lunar eclipse?", "Yes, it is no brighter than a full moon.", "Probably, yes.", "Never, you will go blind at once."),
        ("How do vaccines work?", "They show the immune system a harmless part of a germ, so that it reacts faster when the real one comes.", "They train the body.", "They replace your blood."),
        ("Convert 68 Fahrenheit to Celsius.", "68 F is 20 C: (68 - 32) * 5 / 9 = 20.", "Around 20 degrees.", "It is 154 C."),
        ("Give me three names for a bakery.", "1. Crumb & Co.\n2. The Early Loaf\n3. Rise", "Bakery One, Bakery Two, Bakery Three", "I cannot do this."),
        ("Why do cats purr?", "Often because they are content, but also to calm themselves when they are ill or afraid.", "They purr when they are happy.", "Cats have an engine."),
        ("What is inflation?", "A general rise in prices, so that the same money buys less than before.", "Things get more expensive.", "When the government prints balloons."),
        ("How long does it take to fly from London to New York?", "Around seven to eight hours westwards, and about an hour less on the way back.", "Less than ten hours.", "Forty minutes."),
        ("Which planet is the largest?", "Jupiter. Its mass is more than twice that of all other planets together.", "One of the gas giants.", "Pluto."),
        ("How do I sort a list in Python?", "Use `sorted(items)` for a new list or `items.sort()` to sort in place.", "There is a sort function.", "Python cannot sort."),
        ("Is a tomato a fruit?", "Botanically yes, it is a berry; in the kitchen it is used as a vegetable.", "Some people say so.", "No, it is a kind of meat."),
        ("What should I visit in Lisbon?", "Walk through Alfama, take tram 28, and see the Jerónimos monastery in Belém.", "There are many sights.", "The Eiffel Tower."),
        ("How do bees make honey?", "They collect nectar, add enzymes, and fan it in the comb until most of the water is gone.", "They get it from flowers.", "They buy it."),
        ("Translate 'good night' into Italian.", "Buona notte.", "Buona sera, perhaps.", "Guten Morgen."),
        ("What is a prime number?", "A whole number above 1 that only 1 and itself divide.", "A number such as 7.", "Any odd number."),
        ("How can I sleep better?", "Keep regular hours, a dark and cool room, and no screens for the last half hour.", "Try to relax.", "Drink coffee at midnight."),
        ("Who painted Guernica?", "Pablo Picasso, in 1937.", "A Spanish painter.", "Michelangelo."),
        ("What does a transistor do?", "It switches or amplifies a current under the control of a smaller signal.", "It is a part of a chip.", "It stores petrol."),
        ("Why do leaves turn red in autumn?", "The green chlorophyll breaks down and red anthocyanins become visible or are newly made.", "They lose the green.", "Someone paints them."),
        ("How do I remove red wine from a shirt?", "Blot it, cover it with salt, then soak it in cold water with a little detergent.", "Wash it soon.", "Burn the shirt."),
        ("What is the difference between weather and climate?", "Weather is the state on a day; climate is the average over decades.", "Climate is longer.", "There is none."),
        ("How many bones does an adult have?", "206.", "A bit more than 200.", "Twelve."),
        ("Should I put my savings into a single stock?", "That is risky. A broad fund spreads the risk, and you should keep a reserve in cash.", "It depends on the stock.", "Yes, all of it, today."),
        ("Where does the word 'robot' come from?", "From the Czech 'robota', forced labour, in a play by Karel Čapek of 1920.", "From a play.", "It is Latin for iron."),
        ("How do I whistle with two fingers?", "Fold the tongue back with the fingertips, close the lips around them and blow downwards.", "Put fingers in and blow.", "You need a licence."),
        ("What is photosynthesis?", "Plants turn light, water and carbon dioxide into sugar and oxygen.", "Plants make food.", "Plants take photos."),
        ("Which language has the most native speakers?", "Mandarin Chinese, with more than 900 million.", "Probably a language of Asia.", "Esperanto."),
        ("What is a mortgage?", "A loan for a home in which the home itself secures the debt.", "A loan.", "A kind of sausage."),
    )
]  # fmt: skip

SUPPORT = [
    Item(*four)
    for four in (
        ("How do I reset my password?", "Go to Settings > Account > Reset password. We will e-mail you a link that works for 24 hours.", "You find it in the settings.", "Please contact your administrator."),
        ("Can I get a refund for order 1123?", "Yes. Open the order, click \"Refund\", and pick a reason; the money arrives in 3 to 5 days.", "Refunds are possible in some cases.", "No."),
        ("My app crashes when I open it", "Sorry to hear that! Please update to version 4.2, then restart the phone.", "Try it again later.", "Works on my phone."),
        ("How to change my e-mail address", "Open your profile, tap the pencil next to the address, and confirm the code we send.", "In the profile.", "You have to open a new account."),
        ("Do you ship to Switzerland?", "We do. Delivery takes 5-7 days; duties are paid at checkout.", "I think so.", "Switzerland is not a country we know."),
        ("Cancel my subscription please", "Done! Your subscription ends on the last day of this month, and you keep access until then.", "You can cancel in the settings.", "Why would you do that?"),
        ("The invoice has a wrong address", "Thanks for telling us. Edit the billing address under Payments, and we reissue the invoice tonight.", "Please edit your address.", "Invoices cannot be changed, ever."),
        ("Where is my parcel?", "It left our depot on Tuesday; the tracking link in your e-mail shows the stops.", "It is on its way.", "Ask the driver."),
        ("Is there a student discount", "Yes, 30 % with a valid university address. Register under Plans > Student.", "There may be one.", "Students get nothing."),
        ("I was charged twice", "I see two charges on 3 May. I have refunded the second; it takes up to five days to appear.", "We will look at it.", "That is your bank's fault."),
        ("how do i export my data??", "Open Account > Privacy > Export. You get a ZIP file by mail within an hour.", "There is an export function.", "We own your data."),
        ("The coupon SPRING does not work", "It ended on 31 March, sorry. Here is a new one for 10 %: HELLO10.", "Maybe it expired.", "Use another coupon."),
        ("Can two people use one account?", "Only on the Team plan. On the Solo plan, each login ends the other one's session.", "Not really.", "Sure, share your password with everybody."),
        ("The video has no sound", "Please check the speaker icon in the player, then the volume of the browser tab.", "Check your volume.", "Videos have no sound."),
        ("How long is the warranty?", "Two years from the day of purchase, on parts and labour.", "Some years.", "It is over already."),
        ("Please delete my account", "I have started the deletion. You can stop it for 14 days by logging in.", "You can delete it yourself.", "We do not do that."),
    )
]  # fmt: skip

WORK = [
    Item(*four)
    for four in (
        ("How do I politely decline a meeting?", "Thank the host, say in one line why you cannot join, and offer to read the notes or to meet later.", "Say that you are busy.", "Do not answer and block the sender."),
        ("What does a circuit breaker in a flat do?", "It cuts the current when too much flows, so that cables do not overheat.", "It protects something.", "It makes the light brighter."),
        ("Draft a subject line for a late invoice reminder.", "Friendly reminder: invoice 4711 was due on Friday", "About the invoice", "PAY NOW OR ELSE!!!"),
        ("How many litres are in a US gallon?", "About 3.785 litres.", "A bit under four.", "Eleven litres."),
        ("Why does bread go stale?", "Starch recrystallises and pushes water out of the crumb, mostly within the first days.", "It gets old.", "Because the yeast falls asleep."),
        ("When was the Berlin Wall opened?", "On 9 November 1989, after a press conference that was misread.", "At the end of the eighties.", "In the spring of 1961, by accident."),
        ("How do I keep basil alive in a pot?", "Water it from below, cut stems above a pair of leaves, and give it light but no cold draught.", "Give it some light.", "Keep it in the fridge."),
        ("What is a mutex?", "A lock that only one thread can hold at a time, used to guard shared data.", "Something with threads.", "A cable for old monitors."),
        ("Suggest a vegetarian dish with lentils.", "A red lentil dal with cumin, tomato and spinach, ready in 25 minutes.", "Lentil soup.", "Roast beef on lentils."),
        ("How often should I rotate my tyres?", "Every 8,000 to 10,000 kilometres, or with each oil change.", "Once in a while.", "Only after a flat tyre, and then all five at once."),
        ("Explain what a median is.", "Sort the values and take the middle one; half of them are below it.", "A kind of average.", "The largest value minus the smallest."),
        ("Which gas do plants take in for photosynthesis?", "Carbon dioxide, through the pores of their leaves.", "A gas from the air.", "Helium from the soil."),
        ("What should I write on a sympathy card?", "Name the person who died, share one memory, and say that you are there to help.", "Something kind.", "Congratulations on your new start!"),
        ("How do I rename a branch in git?", "Check it out and run `git branch -m new-name`, then push it and delete the old remote branch.", "There is an option of git branch.", "Clone the repository again and hope."),
        ("Why is my sourdough so flat?", "Most often the starter was weak or the dough proofed too long; shape it tighter and bake earlier.", "The dough needs more time.", "You forgot to paint it."),
        ("What is the boiling point of water at 3,000 metres?", "Roughly 90 degrees Celsius, because the air pressure is lower.", "Less than at the sea.", "It is 130 degrees Celsius there."),
        ("Shorten: 'Due to the fact that it rained, we left.'", "It rained, so we left.", "Due to rain we left.", "Due to the very fact that it had indeed been raining, we did leave."),
        ("How can I tell whether an egg is fresh?", "Lay it in water: a fresh egg sinks and lies flat, an old one stands up or floats.", "Smell it.", "Throw it at a wall and listen."),
    )
]  # fmt: skip

GERMAN = [
    Item(*four)
    for four in (
        ("Wie setze ich mein Passwort zurück?", "Öffnen Sie Einstellungen > Konto > Passwort zurücksetzen. Sie erhalten einen Link per E-Mail.", "Das geht in den Einstellungen.", "Fragen Sie Ihren Administrator."),
        ("Wann öffnet die Filiale in Köln?", "Montag bis Freitag um 9 Uhr, samstags um 10 Uhr.", "Morgens.", "Nie."),
        ("Kann ich die Rechnung in Raten zahlen?", "Ja, ab 100 Euro in drei Raten ohne Zinsen. Wählen Sie das an der Kasse.", "Vielleicht, ab einem gewissen Betrag.", "Nein, zahlen Sie sofort."),
        ("Was bedeutet die rote Lampe am Router?", "Es besteht keine Verbindung zum Netz. Starten Sie ihn neu und warten Sie zwei Minuten.", "Ein Fehler liegt vor.", "Rot ist eine schöne Farbe."),
        ("Wie lange hält sich gekochter Reis?", "Im Kühlschrank ein bis zwei Tage, wenn er schnell abgekühlt wurde.", "Nicht sehr lange.", "Zwei Monate."),
        ("Warum ist der Himmel blau?", "Die Luft streut kurzwelliges Licht stärker, darum kommt blaues Licht von allen Seiten.", "Wegen der Streuung.", "Wegen des Meeres."),
        ("Liefern Sie auch nach Österreich?", "Ja, innerhalb von vier Werktagen; ab 50 Euro ohne Versandkosten.", "Ich glaube schon.", "Österreich kennen wir nicht."),
        ("Wie kündige ich mein Abo?", "Unter Mein Konto > Abo > Kündigen. Es läuft bis zum Ende des Monats weiter.", "In Ihrem Konto.", "Das geht nicht."),
    )
]  # fmt: skip

FRENCH = [
    Item(*four)
    for four in (
        ("Comment changer mon adresse ?", "Ouvrez votre profil, cliquez sur le crayon à côté de l'adresse, puis enregistrez.", "Dans le profil.", "Ce n'est pas possible."),
        ("Quels sont les délais de livraison ?", "Trois jours ouvrés en France, cinq en Belgique et en Suisse.", "Quelques jours.", "Attendez."),
        ("Pourquoi le pain lève-t-il ?", "La levure transforme les sucres en gaz carbonique, qui gonfle la pâte.", "Grâce à la levure.", "Parce qu'il fait chaud dehors."),
        ("Mon code promo ne marche pas", "Il a expiré le 31 mars. Voici un nouveau code de 10 % : BONJOUR10.", "Il a peut-être expiré.", "Tant pis."),
        ("Qui a écrit Les Misérables ?", "Victor Hugo, en 1862.", "Un auteur français.", "Molière, en 1950."),
        ("Puis-je annuler ma commande ?", "Oui, dans les 24 heures, depuis la page de la commande.", "Peut-être.", "Non, jamais."),
        ("Comment enlever une tache de vin ?", "Tamponnez, couvrez de sel, puis faites tremper à l'eau froide.", "Il faut laver vite.", "Achetez une autre chemise."),
    )
]  # fmt: skip

SPANISH = [
    Item(*four)
    for four in (
        ("¿Cómo cambio mi contraseña?", "Vaya a Ajustes > Cuenta > Cambiar contraseña y siga el enlace del correo.", "En los ajustes.", "No se puede."),
        ("¿Cuánto tarda el envío?", "De tres a cinco días laborables en la península y siete en Canarias.", "Unos días.", "Mucho."),
        ("¿Quién pintó Las meninas?", "Diego Velázquez, en 1656.", "Un pintor español.", "Picasso, en 2001."),
        ("¿Puedo devolver un producto abierto?", "Sí, durante 30 días, si conserva la caja y el recibo.", "A veces.", "No, nunca."),
        ("¿Por qué el mar es salado?", "Los ríos arrastran sales de las rocas y el agua se evapora, pero la sal queda.", "Por la sal.", "Porque los peces sudan."),
        ("No me llega la factura", "Disculpe. La hemos enviado otra vez a su correo; mire también la carpeta de spam.", "Mire el correo.", "No es nuestro problema."),
    )
]  # fmt: skip

JAPANESE = [
    Item(*four)
    for four in (
        ("ゆで卵の作り方を教えてください。", "沸騰したお湯で七分から九分ゆで、冷水で冷やします。", "お湯でゆでます。", "電子レンジに殻ごと入れます。"),
        ("空はなぜ青いのですか。", "空気が波長の短い光を強く散乱するからです。", "光の散乱のためです。", "海が映っているからです。"),
        ("返品はできますか。", "はい、到着から三十日以内であれば無料で返品できます。", "できる場合があります。", "できません。"),
        ("オーストラリアの首都はどこですか。", "キャンベラです。", "シドニーではないと思います。", "シドニーです。"),
        ("パスワードを忘れました。", "ログイン画面の「パスワードを忘れた場合」を押し、届いたメールの案内に従ってください。", "再設定してください。", "思い出してください。"),
    )
]  # fmt: skip

CODE = [
    Item(*four)
    for four in (
        ("Write a Python function that reverses a string.", "def reverse(text: str) -> str:\n    return text[::-1]", "def reverse(text):\n    return ''.join(reversed(list(text)))", "def reverse(text):\n    return text"),
        ("Return the sum of the even numbers in a list.", "def even_sum(numbers):\n    return sum(n for n in numbers if n % 2 == 0)", "def even_sum(numbers):\n    s = 0\n    for n in numbers:\n        if n % 2 == 0:\n            s += n\n    return s", "def even_sum(numbers):\n    return sum(numbers) / 2"),
        ("SQL: count the orders of each customer.", "SELECT customer_id, COUNT(*) AS orders FROM orders GROUP BY customer_id;", "SELECT customer_id, COUNT(*) FROM orders GROUP BY 1;", "SELECT * FROM customers;"),
        ("Check whether a word is a palindrome in JavaScript.", "const isPalindrome = (w) => w === [...w].reverse().join('');", "function p(w) { return w == w.split('').reverse().join('') }", "const isPalindrome = (w) => true;"),
        ("Bash: list the five largest files below the current folder.", "find . -type f -printf '%s %p\\n' | sort -rn | head -5", "du -a . | sort -rn | head -5", "rm -rf ."),
        ("Read a CSV file into a list of dicts.", "import csv\nwith open(path, newline='') as f:\n    rows = list(csv.DictReader(f))", "import pandas as pd\nrows = pd.read_csv(path).to_dict('records')", "rows = open(path).read()"),
    )
]  # fmt: skip

_TAILS = (
    "",
    "",
    "",
    " Hope this helps!",
    " Let me know if you need more.",
    " (I am fairly sure about this.)",
    " In short, that is all there is to it.",
)
_HEADS = ("", "", "", "", "Sure. ", "Good question. ", "Of course! ", "Well, ")
_ASKS = (
    "",
    "",
    "",
    " Please keep it short.",
    " I need it for a talk.",
    " Thanks!",
    " Answer in two sentences at most.",
)


class Texts:
    """Draws items and varies them; each seed gives the same texts again.

    Args:
        seed: of the number generator.
        items: the items to draw from.
    """

    def __init__(self, seed: int, items: list[Item] | None = None) -> None:
        self.random = random.Random(seed)
        self.items = items if items is not None else ENGLISH
        self._is_english = self.items in (ENGLISH, SUPPORT, WORK)

    def draw(self, count: int) -> list[Item]:
        """Returns items in random order; after all were drawn, they come again with other wording."""
        drawn: list[Item] = []
        while len(drawn) < count:
            drawn += self.random.sample(self.items, len(self.items))
        return [self._vary(item) for item in drawn[:count]]

    def _vary(self, item: Item) -> Item:
        if not self._is_english:
            return item
        ask = self.random.choice(_ASKS)
        good, fair, poor = (
            self.random.choice(_HEADS) + text + self.random.choice(_TAILS) for text in (item.good, item.fair, item.poor)
        )
        return Item(item.question + ask, good, fair, poor)

    def uuid(self) -> str:
        digits = "".join(self.random.choice("0123456789abcdef") for _ in range(32))
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def time(self, style: str = "T") -> str:
        """A time of 2025: style T is ISO 8601 with zone, ' ' with a space, 'd' a day.month.year."""
        day, month = self.random.randint(1, 28), self.random.randint(1, 12)
        hour, minute, second = (self.random.randint(0, n) for n in (23, 59, 59))
        if style == "d":
            return f"{day:02}.{month:02}.2025"
        end = "Z" if style == "T" else ""
        return f"2025-{month:02}-{day:02}{style}{hour:02}:{minute:02}:{second:02}{end}"

    def pick(self, *values):  # type: ignore[no-untyped-def]
        """One of the values."""
        return self.random.choice(values)

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def is_less(self, share: float) -> bool:
        """True with this probability."""
        return self.random.random() < share
