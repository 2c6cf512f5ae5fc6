"""The words the tiny model is trained on: question phrasings, fillers, system prompts, and prose for the tokenizer."""

COLOURS = {
    "red": (205, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 205), "yellow": (215, 175, 30),
    "purple": (150, 50, 165), "teal": (20, 160, 160), "brown": (125, 85, 45), "gray": (115, 115, 115),
    "pink": (235, 130, 170), "black": (25, 25, 30),
}
NAMES = list(COLOURS)
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
DIRECTIONS = {"left": (0, -1), "right": (0, 1), "above": (-1, 0), "below": (1, 0)}
RELATIONS = {
    "left": ["directly left of", "immediately to the left of", "just left of"],
    "right": ["directly right of", "immediately to the right of", "just right of"],
    "above": ["directly above", "immediately above", "just above"],
    "below": ["directly below", "immediately below", "just below"],
}

SYSTEM = "You are a helpful assistant."
OTHER_SYSTEMS = [
    "You read codes in pictures.", "Answer every question about the picture.",
    "You are a careful reader. Look at the picture and answer with what is written there.",
]
PREFIXES = [
    "Hello!", "Hello there, I am looking at this picture.", "Here is a picture with many boxes.", "Please look closely.",
    "I have a question about this picture.", "This page came with the post today.", "My colleague sent me this.",
    "Thank you for your help so far.", "We found this on the wall.", "Now something else.", "One more question.",
    "I am not sure that I can read this well.", "There are codes on it and I have to write one report about them.",
]
SUFFIXES = [
    "Please be exact.", "Thank you!", "Take your time.", "I cannot read it well myself.", "It is for my notes.",
    "Only answer what I asked for.", "Do not guess.", "I will check it later.", "My friend wants to know.",
]
WHICH_PICTURE = ["Look at the {o} picture.", "This is about the {o} picture.", "In the {o} picture:"]

QUESTIONS = {
    "colour": [
        "What is the code in the {c} box?", "Which code is written in the {c} box?", "Read the code of the {c} box.",
        "Please tell me what the {c} box says.", "I need the code inside the {c} box.",
        "Look for the {c} box and give me its code.",
    ],
    "place": [
        "Which code is in row {r}, column {k}?", "What is written in column {k} of row {r}?",
        "Read the code at row {r} and column {k}.", "Give me the code in the {ro} row, {ko} column.",
        "What does the {ro} row say in its {ko} column?",
    ],
    "neighbour": [
        "Which code is {rel} the {c} box?", "What is the code {rel} the {c} box?",
        "Find the {c} box and read the code {rel} it.", "Tell me what is written {rel} the {c} box.",
    ],
    "list_colour": [
        "List all codes in {c} boxes.", "Read every code that is in a {c} box.", "Which codes do the {c} boxes have?",
        "Write down the codes of all {c} boxes.",
    ],
    "list_row": [
        "List all codes in row {r}.", "Read row {r} from left to right.", "Which codes are in the {ro} row?",
        "Write down everything in the {ro} row.",
    ],
    "count": ["How many {c} boxes are there?", "Count the {c} boxes.", "How many boxes are {c}?"],
    "count_row": ["How many boxes are in row {r}?", "Count the boxes of the {ro} row."],
}

# Plain prose, so that everyday words are short in tokens too.
PROSE = """
the picture shows a grid with six rows and six columns. every box has a colour and a code with four characters. a page is full
of codes and only some of them are marked with a colour. the question asks for one code, for a list of codes, or for a number.
what you see is what you get, and what you cannot see you should not guess. the cache keeps the keys and values of every token
that the model has read. most tokens of a picture matter little for one question, so the cache can drop them and answer as well
as before. a small model is useful for tests: it starts in a second, it runs on any machine, and its answers can be checked.
which words matter in a question? often only two or three: the colour, the place, the direction. the others are there because
people write that way. good morning, how are you today? i would like to know something about this image, if you do not mind.
could you describe it in a few words, please? is there anything else that i should know about it before we go on with our work?
when the memory of a server is full, new requests have to wait. when it lowers the share that it keeps, more requests fit. the
operator watches the load and sets the share, up and down, without a restart. let me show you where the numbers come from and
how they were measured. first we read the file, then we check its size, and after that we load the weights into memory. if a
file is missing or broken, the error says which one and where. some people read from left to right and from top to bottom, and
some do not. there is one more thing: never trust a number that nobody measured. he said yes, she said no, they said maybe, and
it was a long day at the office. under the table lies an old book about birds, over there stands a house with a red door and
white windows. the train leaves at noon and will arrive in the evening. we have been there many times, but this time it was
different. water, fire, earth, air, light, sound, time, space, energy, music, school, city, street, garden, tree, flower, river,
mountain, winter, summer, spring, morning, night, week, month, year, money, price, order, letter, invoice, total, name, address,
number, date, phone, label, title, paper, sheet, line, table, cell, border, text, font, dark, bright, small, large, empty, full,
near, far, next, last, same, other, between, around, inside, outside, top, bottom, middle, corner, edge, side, center, orange,
white, cyan, magenta, violet, golden, silver, color, colors, colours, count, zero, one, two, three, four, five, six, seven,
eight, nine, ten, sum, more, less, most, least, each, all, none, some, any, both, either, neither, hello world, thanks, sorry,
please, welcome, goodbye, see you soon, i am, you are, it is, we were, don't, can't, isn't, it's, i'm, you're, we've, they'll.
"""
