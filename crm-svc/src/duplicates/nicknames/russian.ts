/** What Russian given names are shortened or changed to; see `nicknames.ts`. In Latin letters, as names are compared. */
export const russian = `
aleksandr aleksander alexander alexandr sasha sascha shura sanya
aleksandra alexandra sasha shura
aleksei aleksey alexei alexey alyosha lyosha
anastasia anastasiya nastya stasya
anatoly anatoliy tolya tolik
andrei andrey andryusha
anna anya
antonina tonya
arkady arkasha
boris borya
daria darya dasha
dmitry dmitri dmitriy dima mitya
ekaterina yekaterina katya katyusha
elena yelena lena
elizaveta yelizaveta liza
evgeny yevgeny evgeniy evgenii zhenya
evgenia yevgenia evgeniya zhenya
fyodor fedor fedya
galina galya
gennady gennadiy gena
georgy georgiy gosha zhora
grigory grigoriy grisha
igor igoryok
ilya ilyusha
irina ira
ivan vanya
konstantin kostya
ksenia kseniya ksyusha
lev lyova
lidia lidiya lida
lyubov luba lyuba
lyudmila ludmila lyuda mila
maksim maxim maks max
margarita rita
maria mariya masha
mikhail misha
nadezhda nadya
natalia natalya nataliya natasha
nikita
nikolai nikolay kolya
oksana ksyusha
oleg olezhka
olga olya
pavel pasha
pyotr petr petya
raisa raya
roman roma
semyon semen syoma
sergei sergey seryozha
sofia sofya sonya
stanislav stas slava
stepan styopa
svetlana sveta lana
tamara toma
tatiana tatyana tanya
timofei timofey tima
vadim vadik
valentin valya
valentina valya
valery valeriy valera
vasily vasiliy vasya
vera verochka
viktor victor vitya
viktoria victoria viktoriya vika
vitaly vitaliy vitalik
vladimir volodya vova
vladislav vlad vladik slava
vyacheslav slava
yaroslav yarik slava
yulia yuliya julia yulya
yuri yury yuriy iurii yura
zinaida zina
`;
