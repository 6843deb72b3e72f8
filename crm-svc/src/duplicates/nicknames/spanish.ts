/** What Spanish given names are shortened or changed to; see `nicknames.ts`. */
export const spanish = `
alberto beto berto
alejandra ale sandra
alejandro alex ale jandro
alfonso poncho fonso
alfredo fredo
ana anita
andrés
antonia toñi toña
antonio toño toni antón
beatriz bea
carlos carlitos charly
carmen menchu carmina mamen
carolina caro
catalina cata
concepción concha conchita
consuelo chelo
cristina cris tina
daniel dani
dolores lola loli
eduardo edu lalo
enrique quique kike
ernesto neto
esperanza espe
eugenia maru
felipe pipe
fernando fer nando
francisca paca paqui
francisco paco pancho curro kiko fran
gabriel gabi
gonzalo gonzo
graciela chela
gregorio goyo
guadalupe lupe lupita
guillermo guille memo
gustavo tavo
ignacio nacho
isabel isa chabela
jesús chus chuy
jorge coque
josé pepe
josefa pepa josefina fina
joaquín quino
juan juancho juanito
juan-carlos juanca
lorenzo
luis lucho
manuel manolo manu
manuela manoli
margarita marga
maría mari maruja
maría-del-carmen maricarmen
maría-josé majo
maría-teresa maite
mercedes merche meche
miguel
montserrat montse
nicolás nico
patricia pati
pedro perico
pilar pili
rafael rafa
ramón moncho
refugio cuca
ricardo richi
roberto beto
rodrigo rodri
rosario charo
salvador chava salva
santiago santi
sebastián seba
sergio checo
soledad sole
susana susi
teresa tere
vicente chente
victoria vicky
`;
