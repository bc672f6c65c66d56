"""A pickle reader that can import nothing.

A pickle is a program for a stack machine, and two of its instructions, "import this name" and "call it", make loading a
strange one the same as running it. This machine has every instruction that builds plain data (numbers, strings, bytes,
lists, tuples, dicts); a name can only be one of a table that the caller gives, and only what came from that table is ever
called. It walks `pickletools.genops`, which decodes instructions without carrying them out.
"""
import pickletools

KEYS = (str, bytes, int, float, type(None))     # a tuple as key could be made to take for ever to hash

# Instructions whose decoded argument is the value itself.
LITERALS = frozenset("""INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE
    BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8""".split())
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def read_pickle(data, names, load_persistent=None):
    """The object that the pickle `data` (bytes) describes, in plain containers.

    names: {(module, name): value}, all that the pickle may name. A function among the values may be called by the pickle:
        each must be safe with any arguments. What it returns may have a method `set_state(state)` for the pickle to call.
    load_persistent: called for objects the pickle leaves to its surroundings; None refuses them.

    Raises ValueError for a damaged pickle (other errors of bad data may pass: TypeError, IndexError, KeyError), and for one
    that names anything outside the table.
    Strings that Python 2 wrote as bytes arrive as str, one character per byte (latin-1).
    """
    machine = _Machine(names, load_persistent)
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            return machine.stack.pop()
        if opcode.name in LITERALS:
            machine.push(argument)
        elif opcode.name in CONSTANTS:
            machine.push(CONSTANTS[opcode.name])
        else:
            step = getattr(machine, opcode.name, None)
            if step is None:
                raise ValueError(f"its pickle uses the instruction {opcode.name}, which plain data do not need")
            step(argument)
    raise ValueError("its pickle ends without a STOP")


class _Machine:
    """One method for each instruction, under the name that pickletools gives it."""

    def __init__(self, names, load_persistent):
        self.names, self.load_persistent = names, load_persistent
        self.callable = {id(value) for value in names.values() if callable(value)}
        self.stack, self.below, self.memo = [], [], {}      # below: the stacks put aside by MARK

    # frames and versions carry no data
    def PROTO(self, _): pass
    def FRAME(self, _): pass

    # the stack and the memo
    def push(self, value): self.stack.append(value)

    def MARK(self, _):
        self.below.append(self.stack)
        self.stack = []

    def to_mark(self):
        """What was pushed since the last MARK."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def POP(self, _): self.stack.pop()
    def POP_MARK(self, _): self.to_mark()
    def DUP(self, _): self.push(self.stack[-1])

    def MEMOIZE(self, _): self.memo[len(self.memo)] = self.stack[-1]
    def PUT(self, index): self.memo[index] = self.stack[-1]
    def GET(self, index): self.push(self.memo[index])
    BINPUT = LONG_BINPUT = PUT
    BINGET = LONG_BINGET = GET

    # containers
    def EMPTY_TUPLE(self, _): self.push(())
    def EMPTY_LIST(self, _): self.push([])
    def EMPTY_DICT(self, _): self.push({})
    def TUPLE(self, _): self.push(tuple(self.to_mark()))
    def LIST(self, _): self.push(self.to_mark())
    def DICT(self, _): self.push(as_dict(self.to_mark()))
    def TUPLE1(self, _): self.stack[-1:] = [(self.stack[-1],)]
    def TUPLE2(self, _): self.stack[-2:] = [tuple(self.last(2))]
    def TUPLE3(self, _): self.stack[-3:] = [tuple(self.last(3))]

    def last(self, count):
        if len(self.stack) < count:
            raise ValueError("its pickle takes more from the stack than is there")
        return self.stack[-count:]

    def APPEND(self, _):
        item = self.stack.pop()
        self.top(list).append(item)

    def APPENDS(self, _):
        items = self.to_mark()
        self.top(list).extend(items)

    def SETITEM(self, _):
        items = self.last(2)
        del self.stack[-2:]
        self.top(dict).update(as_dict(items))

    def SETITEMS(self, _):
        items = self.to_mark()
        self.top(dict).update(as_dict(items))

    def top(self, kind):
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"its pickle uses a {type(self.stack[-1]).__name__} as a {kind.__name__}")
        return self.stack[-1]

    # names, calls and objects: what makes other unpicklers dangerous
    def GLOBAL(self, names): self.push(self.named(*names.split(" ", 1)))

    def STACK_GLOBAL(self, _): self.stack[-2:] = [self.named(*self.last(2))]

    def named(self, module, name):
        if type(module) is not str or type(name) is not str or (module, name) not in self.names:
            raise ValueError(f"its pickle asks for {module!s:.100}.{name!s:.100}, which is not plain data and is not loaded")
        return self.names[module, name]

    def REDUCE(self, _):
        function, arguments = self.last(2)
        if id(function) not in self.callable or type(arguments) is not tuple:
            raise ValueError("its pickle calls what is not a function of plain data")
        self.stack[-2:] = [function(*arguments)]

    def BUILD(self, _):
        state = self.stack.pop()
        target = self.stack[-1]
        if hasattr(type(target), "set_state"):
            target.set_state(state)
        elif type(target) is not dict:                      # attributes set on a dict (PyTorch's _metadata) are dropped
            raise ValueError(f"its pickle sets the state of a {type(target).__name__}")

    def BINPERSID(self, _):
        if self.load_persistent is None:
            raise ValueError("its pickle refers to objects outside itself")
        self.stack[-1:] = [self.load_persistent(self.stack[-1])]


def as_dict(items):
    """{items[0]: items[1], items[2]: items[3], ...}"""
    keys = items[::2]
    if len(items) % 2 or not all(isinstance(key, KEYS) for key in keys):
        raise ValueError("its pickle holds a dict whose keys are not strings or numbers")
    return dict(zip(keys, items[1::2]))
