/** What French given names are shortened or changed to; see `nicknames.ts`. */
export const french = `
alexandre alex
alexandra alex
anne-marie annie
antoine toine
antoinette toinette
augustin gus
benjamin ben
bernadette dédé
catherine cathy
charlotte lolotte
christelle chris
christophe chris
dominique dom domi
édouard doudou ed
élisabeth babeth lise lisette
emmanuel manu
emmanuelle manu
françois franck fanfan
françoise fanfan
frédéric fred
frédérique fred
geneviève ginette
georges jojo
gérard gégé
grégory greg
guillaume guigui
isabelle isa
jacqueline jacotte
jacques jacquot
jean jeannot
jean-baptiste jb
jean-claude jc
jean-françois jef jf
jean-michel jeanmi
jean-pierre jp
jeanne jeannette
joseph jo
laurent lolo
louis loulou
madeleine mado
marguerite margot
marie-claude
mathieu matthieu mat
maximilien max
maxime max
michel mimi
mohamed momo
nathalie nat
nicolas nico
olivier oli
pascale
patrice pat
philippe phil
pierre pierrot
raphaël raph
raymond
rené
romain rom
sébastien seb
stéphane steph
stéphanie steph fanny
suzanne suzette suzon
sylvain syl
thérèse thété
thomas tom
valérie val
véronique véro
victor toto
vincent vince
virginie nini
xavier xav
yves yvon
`;
