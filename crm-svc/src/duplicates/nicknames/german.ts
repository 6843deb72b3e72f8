/** What German given names are shortened or changed to; see `nicknames.ts`. */
export const german = `
alexander alex
alexandra alex sandra
alfons alf fons
andreas andi andy
angelika geli
annemarie anni
anton toni
barbara babsi bärbel
benjamin ben benni
bernhard bernd
bernward bernd
brigitte gitte biggi gitta
charlotte lotte
christian chris christl
christina christine tina christl
christoph chris stoffel
daniel dani
daniela dani
dieter didi
dietrich dieter
eduard edi
elfriede friedel elfi
elisabeth lisa sissi liesl elli else lisbeth elsbeth ilse
emanuel manu
erika rike
ferdinand ferdi
florian flo
franz franzl
franziska franzi
friedrich fritz friedel fred
gabriele gabi
georg schorsch jörg
gerhard gerd gerald
gertrud trude gertie
gottfried friedel
gregor
günter günther
hans-joachim hajo hans-jochen
hans-peter hp
heinrich heinz heiner hein
helene leni lena
helmut helli
herbert herb
hermann
hildegard hilde
ignaz naz
ingeborg inge
jakob jockel
jennifer jenny
joachim achim jochen
johanna hanna hanne
johannes hans hannes johann jonny
josef joseph sepp jupp beppi
josefine josi
julia jule
jürgen
karl carl kalle
karl-heinz kalle heinz
karoline caroline line lina
katharina kathi katja käthe trina
klaus nikolaus nico claus
konrad conny
kornelia conny
kristina tina
leonhard leo hartl
leopold poldi leo
ludwig lutz wiggerl
magdalena lena leni magda
manfred manni fred
manuela manu
margarete margarethe grete gretel greta rita
maria mia mitzi marie
markus
marlene leni lene
martina tina
matthias matze hias
maximilian max maxl
melanie mel meli
michael michi michel
monika moni
nikolas nico niko
patrick
peter
petra
philipp
rainer reiner
reinhard reinhold
renate nate
richard richie
roland
rosemarie rosi
rudolf rudi rolf
sabine bine
sebastian basti bastian wastl
siegfried siggi
sigrid siggi
simone moni
stefan stephan steffen
stefanie stephanie steffi
susanne susi sanne
theodor theo
theresa resi
thomas tom
tobias tobi
ulrich uli ulli
ulrike uli rike
ursula uschi ulla ursel
valentin valti
veronika vroni
viktoria vicky
vinzenz
waltraud traudl
werner
wilhelm willi willy helmi
wolfgang wolf wolfi
`;
