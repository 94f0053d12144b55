"""Phrases that have nothing to do with tissue: what any query is compared with."""

_TEXT = """
    a red sports car | the stock market fell | winter holiday in the mountains | a recipe for apple pie | the
    prime minister resigned | football match result | electric guitar solo | quantum field theory | a sleeping cat
    on a sofa | train timetable | the history of Rome | wooden kitchen table | how to learn chess | heavy rain
    tomorrow | mortgage interest rates | a novel about the sea | solar panels on the roof | bicycle repair shop |
    an old church tower | the price of coffee | mobile phone contract | a walk in the park | piano concerto |
    summer music festival | tax declaration form | hotel with a swimming pool | ancient Greek philosophy | airport
    security queue | a broken window | cheap flights to Lisbon | garden furniture | lunar eclipse tonight |
    computer keyboard | a letter from my aunt | chocolate ice cream | the speed of light | museum of modern art |
    parking ticket | wedding photographs | the capital of Peru | a bottle of red wine | spelling mistakes |
    political debate on television | paint the fence white | a school bus | deep sea fishing | national anthem |
    woollen socks | space station docking | tennis racket | traffic jam on the motorway | cloud computing contract
    | a birthday present | steam locomotive | the sound of thunder | opera singer | plastic bottle recycling |
    desert landscape | crossword puzzle | a pair of scissors | housing shortage | black and white film | sailing
    around the world | the alphabet backwards | fire alarm test | a bowl of rice | trade agreement | medieval
    castle | lost luggage | comedy show | ski lift | concrete bridge | university entrance exam | vegetable soup |
    a knock at the door | copper wire | satellite navigation | the queue at the bakery | dance lessons for
    beginners | a map of the city | lemon tree | unemployment statistics | hiking boots | tropical island |
    typewriter ribbon | subway station | snow shovel | the smell of fresh bread | court ruling | marathon runner |
    an umbrella in the wind | video game console | harbour at night | leather jacket | poetry reading | coal mine
    | a ladder against the wall | election campaign | frozen lake | pocket calculator | circus elephant | exchange
    rate | library card | garlic sauce | motorcycle helmet | the end of the lecture | glass of water | moon
    landing | carpet cleaning | silk road | weather balloon | a flat tyre | Christmas market | rubber duck |
    philosophy seminar | cattle on a field | silver coin | traffic light | speech recognition software | ferry to
    the island | a pile of books | camping site | the rules of cricket | fashion magazine | lighthouse keeper |
    diesel engine | a field of sunflowers | customs officer | string quartet | basketball court | antique clock |
    delivery truck | volcanic island | rented apartment | a shopping list | the colour of the sky | radio
    broadcast | potato salad | orchestra rehearsal | a stone wall | laptop battery | village festival | railway
    tunnel | ocean waves | chess tournament | a cup of green tea | newspaper headline | insurance policy
    """

NULL_PHRASES: tuple[str, ...] = tuple(" ".join(phrase.split()) for phrase in _TEXT.split("|"))
