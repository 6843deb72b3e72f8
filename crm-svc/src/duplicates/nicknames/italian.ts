/** What Italian given names are shortened or changed to; see `nicknames.ts`. */
export const italian = `
agostino ago
alberto berto albi
alessandra ale sandra
alessandro ale sandro alex
andrea
angela angelina
antonella nella anto
antonio tonino toni nino
bartolomeo meo
beatrice bea bice
benedetta benni
carlo carletto
caterina cate rina
carmela mela
cristina cri
daniele dani
daniela dani
domenico mimmo mimmi
eduardo edo
edoardo edo
elisabetta betta lisa elisa
emanuele manu lele
enrico chicco
eugenio gegè
federica fede
federico fede
filippo pippo
francesca franci cesca
francesco franco checco ciccio
gabriele lele
gaetano tano
giacomo mino
giorgio
giovanna vanna gianna
giovanni gianni vanni nanni
giulia giuli
giuseppe beppe peppe pino peppino bepi
giuseppina pina
gregorio
ignazio
leonardo leo nardo
lorenzo renzo lollo
luca
ludovico ludo vico
luigi gigi gino
maddalena lena
margherita rita
maria mariella mariuccia
matteo teo
maurizio mauri
michele lino
nicola nico
nicoletta nico
pasquale lino
pietro piero
raffaele lele raffa
roberto robi berto
rosa rosetta rosina
salvatore totò turi salvo
sebastiano seba
simone simo
stefania stefy
stefano ste
teresa
tommaso tommy maso
umberto berto
valentina vale
vincenzo enzo vince
vittoria vicky
`;
