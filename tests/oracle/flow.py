"""Which way relevance takes: the inputs of a node that are explained, and what kind of operator it is.

In: a network and a node. Weights, gates and norms are constants of the picture and receive nothing.
"""

ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "Elu", "Softplus", "Tanh")
# Multiplied with what is constant for the picture: a gate, a norm, a constant or nothing.
SCALING = ("HardSwish", "Mish", "Identity", "Dropout", "Cast", "LpNormalization", "LRN", "Mul", "Div")
# Linear layers but Conv: their weights are found by what they do to pictures with a single 1.
LINEAR = (
    "Gemm", "MatMul", "ConvTranspose", "AveragePool", "GlobalAveragePool", "ReduceMean", "BatchNormalization",
)  # fmt: skip

# Linear layers each of whose outputs has one input, where nothing is broadcast.
NUMBER_BY_NUMBER = ("BatchNormalization", "Add", "Sub")


def is_linear(network, node):
    """Whether a node is a linear layer with a rule of its own."""
    if node.op == "Resize":
        return node.attributes.get("mode") == b"linear"
    if node.op in ("Add", "Sub"):
        return any(name in network.constants for name in node.inputs)
    return node.op == "Conv" or node.op in LINEAR and not is_attention(network, node)


def explained(network, node):
    """Names of the inputs that relevance goes to."""
    computed = [name for name in node.inputs if name and name not in network.constants]
    # A square belongs to a norm, which receives nothing.
    if node.op == "Mul" and len(set(computed)) == 2:
        # What a sigmoid made, of whatever kind, is the gate, one over a norm is; in x * clip(x + 3) / 6 the clipped one.
        gates = [name for name in computed if is_gate(network, network.producer(name))]
        gates = gates or [name for name in computed if network.producer(name).op == "Clip"]
        (gate,) = gates
        return [name for name in computed if name != gate]
    if is_attention(network, node):
        # What a softmax made is a constant of the picture.
        return [name for name in computed if not comes_from_softmax(network, name)]
    if node.op in ("Add", "Sum", "Concat"):
        return computed
    return computed[:1]


def is_attention(network, node):
    """Whether a node multiplies two matrices that are both computed."""
    return node.op == "MatMul" and not any(name in network.constants for name in node.inputs)


def comes_from_softmax(network, tensor):
    """Whether a tensor is what a softmax made, but for its axes and a constant factor."""
    node = network.producer(tensor)
    while node is not None and node.op in ("Transpose", "Reshape", "Mul"):
        node = network.producer(next(name for name in node.inputs if name not in network.constants))
    return node is not None and node.op == "Softmax"


def is_gate(network, node):
    """Whether a node makes a gate, a factor that is constant aside: a sigmoid, or one over something."""
    while node is not None and node.op == "Mul" and any(name in network.constants for name in node.inputs):
        node = network.producer(next(name for name in node.inputs if name not in network.constants))
    if node is None:
        return False
    one_over = node.op == "Reciprocal" or node.op == "Div" and node.inputs[0] in network.constants
    return one_over or node.op in ("Sigmoid", "HardSigmoid")


def reached(network, tensors):
    """Names of the nodes that relevance put on `tensors` comes to."""
    names, waiting = set(), [network.producer(tensor) for tensor in tensors]
    while waiting:
        node = waiting.pop()
        if node is not None and node.name not in names:
            names.add(node.name)
            waiting += [network.producer(name) for name in explained(network, node)]
    return names
