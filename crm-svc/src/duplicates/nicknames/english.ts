/** What English given names are shortened or changed to; see `nicknames.ts`. */
export const english = `
abigail abby abbie gail
albert al bert bertie
alexander alex al lex xander sandy alec
alexandra alex sandra lexi sandy
alfred al alf alfie fred freddie
alice ali allie
alison ali allie
amanda mandy
andrew andy drew
angela angie
anthony tony ant
antonia toni
arthur art artie
barbara barb babs barbie
benjamin ben benny benji
bernard bernie
beverly bev
bradley brad
cameron cam
caroline carrie caro carol
catherine katherine kathryn katharine cathy kathy kate katie kat kitty cat kay
charles charlie chuck chas chaz
charlotte lottie charlie char
christine christina chris chrissy tina
christopher chris kit topher
clifford cliff
cynthia cindy
daniel dan danny
david dave davey
deborah debra deb debbie
dennis denny
donald don donny
dorothy dot dottie dolly
douglas doug
edward ed eddie ted teddy ned
eleanor ellie nell nora
elizabeth elisabeth liz lizzie beth betty betsy eliza libby lisa bess
emily em emmy
eugene gene
evelyn evie eve
florence flo florrie
frances fran frannie
francis frank
franklin frank
frederick fred freddie freddy rick
gabriel gabe
gabrielle gabby
geoffrey jeffrey geoff jeff
george georgie
gerald gerry jerry
gregory greg gregg
harold harry hal
harriet hattie harry
henry harry hank hal
herbert herb bert
isabella isabel bella izzy
jacob jake
jacqueline jackie
james jim jimmy jamie jimbo
janet jan
jason jay
jennifer jen jenny jenn
jeremy jerry
jessica jess jessie
joan joanie
joanna jo joanne
john jack johnny jon
jonathan jon jonny
joseph joe joey jo
josephine jo josie
joshua josh
judith judy
julia julie jules
kenneth ken kenny
kimberly kim
kristen kris kristin
lawrence laurence larry laurie
leonard len leo lenny
leslie les
lillian lily lil
louis lou lewis louie
lucille lucy
madeline maddie
margaret maggie meg peggy marge margie greta daisy madge
martha marty
martin marty
matilda tilly mattie
matthew matt matty
maureen mo
maxwell max
melissa mel missy
michael mike mick mikey micky mickey
michelle shelly
mildred millie
mitchell mitch
nancy nan
natalie nat
natasha tasha
nathan nate nat
nathaniel nate nathan nat
nicholas nick nicky nico
nicole nikki nicky
norman norm
oliver ollie
olivia liv livvy
oscar ozzie
pamela pam
patricia pat patty tricia trish patsy
patrick pat paddy rick
penelope penny
peter pete
philip phillip phil pip
phyllis phyl
priscilla cilla
rachel rach
randolph randy
raymond ray
rebecca becky becca
reginald reg reggie
richard rick dick rich richie ricky
robert bob rob bobby robbie bert
roberta bobbie
roderick rod
rodney rod
roger rodge
ronald ron ronnie
rosemary rose rosie
russell russ rusty
samantha sam sammy
samuel sam sammy
sandra sandy
sarah sara sally sadie
sebastian seb bastian
sidney sid
simon si
solomon sol
stanley stan
stephanie steph stephie
stephen steven steve stevie
stuart stewart stu
susan sue susie suzy
suzanne sue suzy
sylvester sly
sylvia syl
tabitha tabby
teresa theresa terry tess tessa
terence terrence terry
theodore ted teddy theo
thomas tom tommy
timothy tim timmy
tobias toby
valerie val
vanessa nessa
veronica ronnie vera
victor vic
victoria vicky vikki tori
vincent vince vinny
virginia ginny ginger
vivian viv
walter walt wally
wayne
wesley wes
wilfred wilf
william bill will billy willie liam
winifred winnie
zachary zach zack
`;
