"""What only reads: the methods, attributes and functions that a looking cell may use, as tables.

They are an allowlist. What is not named here may change something, as far as Pod knows. All of it
is meant for plain objects (`tracking/plain.py`) given plain arguments; then it runs code of the
interpreter and of the library alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What is known of a value."""

    UNKNOWN = enum.auto()
    """Nothing may be asked of it."""
    PLAIN = enum.auto()
    """A plain object of any type."""
    SCALAR = enum.auto()
    """An object that cannot change."""
    SEQUENCE = enum.auto()
    SET = enum.auto()
    MAPPING = enum.auto()
    DEFAULTS = enum.auto()
    """A `defaultdict`, which may grow when it is asked for an element."""
    ITERATOR = enum.auto()
    """Made by the cell, so that nobody else misses what it has given."""
    ARRAY = enum.auto()
    PANDAS = enum.auto()
    """A frame, column or index of pandas, or a scalar out of one."""
    GROUPS = enum.auto()
    """Of pandas: grouped, rolling, resampled."""
    INDEXER = enum.auto()
    """`loc` and its kin."""
    ACCESSOR = enum.auto()
    """`str`, `dt` and their kin."""
    PLOTTER = enum.auto()
    """`frame.plot`."""
    DRAWN = enum.auto()
    """A figure, or what is in one."""
    POLARS = enum.auto()
    POLARS_GROUPS = enum.auto()
    LAZY = enum.auto()
    """A lazy frame of polars', built by the cell."""
    LAZY_GROUPS = enum.auto()
    EXPRESSION = enum.auto()
    """An expression of polars', built by the cell."""
    TYPE = enum.auto()
    FUNCTION = enum.auto()
    """One that is in these tables, or a lambda that only looks."""
    MODULE = enum.auto()


class Sharing(enum.IntEnum):
    """What a value may have in common with objects that there were before."""

    EXISTING = 0
    """It may be one of them, or show their memory."""
    NEW = 1
    """It is a new object, whose elements may be theirs."""
    OWN = 2
    """Nothing that can change."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method, attribute or function gives."""

    gives: Kind
    sharing: Sharing = Sharing.EXISTING
    limit: int = 2
    """How many positional arguments it may be given; some have one to write into further on."""


Rules = dict[str, Rule]

NEVER_GIVEN = frozenset({"inplace", "in_place", "out", "overwrite_input", "file", "buf", "con"})
"""Keywords that name what is to be written into."""


def _rules(
    gives: Kind, names: str, sharing: Sharing = Sharing.EXISTING, *, limit: int = 2
) -> Rules:
    """Rules of some names; `name/3` has a limit of its own."""
    found = {}
    for each in names.split():
        name, _, own_limit = each.partition("/")
        found[name] = Rule(gives, sharing, int(own_limit or limit))
    return found


_NEW, _OWN = Sharing.NEW, Sharing.OWN
_ANY = 99

# --- the language

BUILTINS: Rules = (
    _rules(
        Kind.SCALAR,
        "all any ascii bin bool bytes chr complex float format hash hex id int isinstance len "
        "oct ord print/99 repr str",
        _OWN,
    )
    | _rules(Kind.PLAIN, "abs divmod max/99 min/99 next pow round sum")
    | _rules(Kind.SEQUENCE, "list sorted tuple", _NEW)
    | _rules(Kind.SET, "frozenset set", _NEW)
    | _rules(Kind.MAPPING, "dict", _NEW)
    | _rules(Kind.ITERATOR, "enumerate filter iter/1 map/99 reversed zip/99")
    | _rules(Kind.SCALAR, "range/3", _OWN)
    | _rules(Kind.PLAIN, "slice/3", _NEW)
    | _rules(Kind.TYPE, "type/1")
)

KEEPING = frozenset(
    {"all", "any", "dict", "enumerate", "format", "len", "list", "print", "repr", "set", "sorted",
     "str", "tuple"}
)  # fmt: skip
"""Builtins that neither ask a mapping for what it has not got nor hand it on."""

SHALLOW = frozenset({"id", "isinstance", "len", "type"})
"""Builtins that ask a known type and nothing of what is in the object."""

_SEQUENCE = _rules(Kind.SCALAR, "index/3 count/1", _OWN) | _rules(Kind.SEQUENCE, "copy/0", _NEW)
_SET = _rules(
    Kind.SET, "copy/0 union/99 intersection/99 difference/99 symmetric_difference/1", _NEW
) | _rules(Kind.SCALAR, "isdisjoint issubset issuperset", _OWN, limit=1)
_MAPPING = (
    _rules(Kind.PLAIN, "get keys/0 values/0 items/0")
    | _rules(Kind.MAPPING, "copy/0", _NEW)
    | _rules(Kind.SEQUENCE, "most_common/1", _NEW)
    | _rules(Kind.SCALAR, "total/0", _OWN)
)
_TEXT = _rules(
    Kind.SCALAR,
    "capitalize casefold center count decode encode endswith expandtabs find format/99 isalnum "
    "isalpha isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip "
    "removeprefix removesuffix replace/3 rfind rjust rstrip startswith strip swapcase title upper "
    "zfill isoformat strftime weekday isoweekday date time timestamp total_seconds is_integer "
    "bit_length bit_count conjugate as_integer_ratio day_name month_name",
    _OWN,
) | _rules(Kind.SEQUENCE, "split rsplit splitlines", _OWN)
"""Of scalars all methods only read; these are the ones that no other plain object has for
something else, so that they may be called where the type is not known."""

# --- NumPy

_ARRAY = (
    _rules(
        Kind.ARRAY,
        "sum mean std var min max prod all any argmax argmin argsort cumsum cumprod ptp trace/0 "
        "nonzero/0 dot searchsorted",
        _OWN,
        limit=1,
    )
    | _rules(
        Kind.ARRAY,
        "clip/2 round/1 take/2 repeat/2 reshape/99 ravel/1 flatten/1 squeeze/1 transpose/99 "
        "swapaxes/2 astype/2 copy/1 view/1 diagonal/3 conj/0",
    )
    | _rules(Kind.PLAIN, "item/99 tolist/0", _NEW)
    | _rules(Kind.SCALAR, "tobytes/1", _OWN)
)
_ARRAY_ATTRIBUTES = _rules(
    Kind.SCALAR, "shape ndim size itemsize nbytes strides dtype", _OWN
) | _rules(Kind.ARRAY, "T real imag flat flags")

_NUMPY: Rules = (
    _rules(
        Kind.ARRAY,
        # Of one argument; of more the next may be one to write into.
        "sqrt exp log log2 log10 log1p expm1 sin cos tan arcsin arccos arctan sinh cosh tanh abs "
        "absolute fabs floor ceil rint trunc sign square isnan isinf isfinite negative degrees "
        "radians cbrt reciprocal logical_not signbit",
        _OWN,
        limit=1,
    )
    | _rules(
        Kind.ARRAY,
        "add subtract multiply divide true_divide floor_divide power mod remainder maximum minimum "
        "fmax fmin arctan2 hypot greater greater_equal less less_equal equal not_equal logical_and "
        "logical_or logical_xor dot matmul outer inner cross kron vdot "
        "sum mean std var min max amin amax prod median ptp argmax argmin nansum nanmean nanstd "
        "nanvar nanmin nanmax nanmedian nanargmax nanargmin cumsum cumprod all any average "
        "count_nonzero unique bincount corrcoef cov argsort sort "
        "nonzero flatnonzero argwhere isin in1d intersect1d union1d setdiff1d allclose/4 isclose/4 "
        "array_equal array_equiv shape ndim size searchsorted/3 digitize/3 interp/3 polyfit/3 "
        "polyval where/3 clip/3 percentile/3 quantile/3 nanpercentile/3 nanquantile/3 "
        "linspace/3 logspace/3 arange/3 zeros ones full/3 eye/3 identity zeros_like ones_like "
        "full_like/2 empty_like concatenate stack hstack/1 vstack/1 column_stack/1 dstack/1 "
        "tile repeat/3 roll/3 gradient tri tril triu vander trapezoid convolve correlate",
        _OWN,
    )
    | _rules(
        Kind.ARRAY,
        "array asarray ascontiguousarray atleast_1d atleast_2d reshape ravel squeeze transpose "
        "expand_dims swapaxes/3 moveaxis/3 flip fliplr flipud rot90 diag diagonal broadcast_to "
        "meshgrid/9 split/3 array_split/3 hsplit vsplit real imag round/2 around/2 take/3 "
        "histogram histogram2d diff",
    )
    | _rules(Kind.SCALAR, "array2string array_repr array_str iscomplexobj isrealobj", _OWN)
)
_NUMPY_LINALG = _rules(
    Kind.ARRAY,
    "norm/3 inv det eig eigh eigvals eigvalsh svd qr cholesky solve lstsq matrix_rank pinv cond "
    "slogdet multi_dot/1",
    _OWN,
) | _rules(Kind.ARRAY, "matrix_power")

# --- pandas

_PANDAS_OWN = (
    "mean median sum min max std var sem skew kurt kurtosis prod product count nunique describe "
    "corr cov value_counts quantile isna isnull notna notnull duplicated idxmax idxmin all any "
    "between isin eq ne lt le gt ge add sub subtract mul multiply div divide truediv floordiv mod "
    "pow radd rsub rmul rdiv diff pct_change cumsum cummax cummin cumprod rank argmax argmin mode "
    "unique autocorr corrwith memory_usage dot equals item/0 first_valid_index last_valid_index "
    "get_loc slice_indexer get_level_values"
)
_PANDAS = (
    _rules(Kind.PANDAS, _PANDAS_OWN, _OWN)
    | _rules(
        Kind.PANDAS,
        "head tail sample/2 copy sort_values sort_index reset_index set_index rename rename_axis "
        "drop drop_duplicates dropna fillna/1 ffill/0 bfill/0 replace astype convert_dtypes "
        "infer_objects select_dtypes filter take assign merge join melt pivot pivot_table/0 stack "
        "unstack explode transpose round clip where mask shift reindex truncate squeeze "
        "to_frame abs droplevel swaplevel xs get add_prefix add_suffix align combine_first "
        "set_axis first last tz_localize tz_convert to_period to_timestamp asfreq at_time "
        "between_time difference intersection union symmetric_difference interpolate/1 "
        "agg/1 aggregate/1 apply/1 transform/1 map/1 applymap/1 query/1 eval/1 compare factorize "
        "nlargest nsmallest searchsorted/1 repeat/1 isocalendar/0 set_names/1 to_series/0",
    )
    | _rules(Kind.PANDAS, "tolist/0 to_list/0 to_dict/1 to_numpy/1 to_records/1", _NEW)
    | _rules(
        Kind.SCALAR,
        "to_string to_markdown to_csv to_json to_html to_latex to_parquet to_feather info",
        _OWN,
        limit=1,
    )
    | _rules(Kind.ITERATOR, "items/0 iterrows/0 keys/0")
    | _rules(Kind.ITERATOR, "itertuples/0", _OWN)
    | _rules(Kind.GROUPS, "groupby rolling expanding ewm resample")
    | _rules(Kind.DRAWN, "plot/2 hist/2 boxplot/2")
)
_PANDAS_ATTRIBUTES = (
    _rules(Kind.SCALAR, "shape ndim size empty", _OWN)
    # A column of a frame can have one of these names.
    | _rules(
        Kind.PLAIN,
        "nbytes dtype name hasnans is_unique has_duplicates is_monotonic_increasing "
        "is_monotonic_decreasing nlevels inferred_type",
    )
    | _rules(
        Kind.PANDAS,
        "dtypes columns index values T axes array names levels codes categories start stop step "
        "year month day hour minute second dayofweek",
    )
    | _rules(Kind.INDEXER, "loc iloc at iat")
    | _rules(Kind.ACCESSOR, "str dt cat")
    | _rules(Kind.PLOTTER, "plot")
)
_GROUPS = (
    _rules(
        Kind.PANDAS,
        "mean median sum min max std var sem skew prod count size nunique describe first last any "
        "all idxmax idxmin quantile corr cov value_counts agg/1 aggregate/1",
        _OWN,
    )
    | _rules(
        Kind.PANDAS,
        "head tail nth get_group cumsum cumcount ngroup rank shift diff pct_change ffill bfill "
        "nlargest nsmallest unique sample transform/1 apply/1 filter/1 asfreq interpolate fillna/1",
    )
    | _rules(Kind.GROUPS, "rolling expanding resample ewm")
    | _rules(Kind.DRAWN, "plot hist boxplot")
)
_GROUPS_ATTRIBUTES = _rules(Kind.SCALAR, "ngroups ndim", _OWN) | _rules(
    Kind.PLAIN, "groups indices"
)
_PLOTTER = _rules(Kind.DRAWN, "line bar barh hist box kde density area pie scatter/9 hexbin/9")
_PANDAS_FUNCTIONS = (
    _rules(
        Kind.PANDAS,
        "isna isnull notna notnull unique crosstab value_counts date_range timedelta_range "
        "Timestamp/9 Timedelta read_csv/1 read_parquet/1 read_json/1 "
        "read_excel/2 read_table/1 read_feather/1",
        _OWN,
    )
    | _rules(
        Kind.PANDAS,
        "DataFrame Series Index concat merge pivot_table melt cut qcut to_datetime to_numeric "
        "factorize merge_asof json_normalize wide_to_long pivot get_dummies to_timedelta",
    )
    | _rules(Kind.GROUPS, "Grouper")
)

AGGREGATING = frozenset({"agg", "aggregate", "apply", "transform", "map", "applymap"})
"""Methods that call what they are given, or the method of that name: they are given nothing that
they could hand on to it."""
EVALUATING = frozenset({"query", "eval"})
"""Methods that evaluate the text they are given."""

# --- polars: no object of its shows a change that was made through another one

_POLARS = (
    _rules(
        Kind.POLARS,
        "select/99 filter/99 with_columns/99 with_row_index sort/99 head tail limit slice sample "
        "describe unique drop/99 drop_nulls rename cast fill_null fill_nan null_count n_unique "
        "mean median sum min max std var product quantile value_counts get_column "
        "to_series clone pivot unpivot explode/99 transpose join/3 is_duplicated "
        "is_unique sum_horizontal mean_horizontal min_horizontal max_horizontal top_k bottom_k "
        "reverse clear is_null is_not_null is_in is_between arg_max arg_min arg_sort diff shift "
        "cum_sum abs round clip to_frame alias len gather_every corr hash_rows vstack is_nan "
        "to_dummies",
        _OWN,
    )
    | _rules(
        Kind.PLAIN,
        "to_dicts/0 to_list/0 rows/0 row/1 to_dict/0 get_columns/0 item/2 is_empty estimated_size "
        "glimpse/0 get_column_index to_pandas/0 to_numpy/0 collect_schema/0 write_csv/1 "
        "write_parquet/1",
        _NEW,
    )
    | _rules(Kind.ITERATOR, "iter_columns/0")
    | _rules(Kind.ITERATOR, "iter_rows/0", _OWN)
    | _rules(Kind.POLARS_GROUPS, "group_by/99")
    | _rules(Kind.LAZY, "lazy/0")
)
_POLARS_ATTRIBUTES = _rules(
    Kind.PLAIN, "shape height width columns dtypes dtype schema name", _OWN
) | _rules(Kind.ACCESSOR, "str dt list")
_POLARS_GROUPS = _rules(
    Kind.POLARS, "agg/99 len count mean median sum min max first last head tail n_unique all", _OWN
)
_LAZY = (
    _rules(
        Kind.LAZY,
        "select/99 filter/99 with_columns/99 with_row_index sort/99 head tail limit slice unique "
        "drop/99 drop_nulls rename cast fill_null fill_nan join/3 explode/99 reverse",
    )
    | _rules(Kind.POLARS, "collect/0", _OWN)
    | _rules(Kind.LAZY_GROUPS, "group_by/99")
    | _rules(Kind.SCALAR, "explain/0", _OWN)
)
_POLARS_FUNCTIONS = (
    _rules(
        Kind.EXPRESSION,
        "col/99 lit all/99 exclude/99 sum/99 mean/99 median/99 min/99 max/99 n_unique/99 first/99 "
        "last/99 count/99 len/0 when/99 struct/99 concat_str/99 corr/2 cov/2 element/0 "
        "sum_horizontal/99 mean_horizontal/99 min_horizontal/99 max_horizontal/99 coalesce/99 "
        "std var quantile",
    )
    | _rules(Kind.POLARS, "DataFrame/1 Series concat/1")
    | _rules(Kind.POLARS, "read_csv/1 read_parquet/1 read_json/1", _OWN)
)

CALLING = frozenset(
    {"map_elements", "map_batches", "map_groups", "pipe", "register_plugin", "deserialize"}
)
"""Methods of expressions that are not taken for harmless; all others build a new expression."""

# --- figures: only those that nobody has by name, which the session makes sure of

_PYPLOT = _rules(
    Kind.DRAWN,
    "figure subplots subplot subplot2grid gca gcf plot scatter bar barh hist hist2d boxplot "
    "violinplot pie imshow matshow contour contourf pcolormesh stem step fill_between errorbar "
    "text "
    "annotate title suptitle xlabel ylabel legend show xlim ylim xticks yticks grid tight_layout "
    "axhline axvline axhspan axvspan axline hlines vlines colorbar savefig close clf cla "
    "semilogx semilogy "
    "loglog twinx twiny axis margins hexbin stackplot subplots_adjust xscale yscale tick_params "
    "bar_label clim table",
    limit=_ANY,
)
_SEABORN = _rules(
    Kind.DRAWN,
    "histplot boxplot scatterplot lineplot barplot countplot heatmap pairplot displot catplot "
    "relplot jointplot violinplot kdeplot regplot lmplot stripplot swarmplot pointplot ecdfplot "
    "rugplot residplot clustermap boxenplot despine",
    limit=3,
)
_DRAWN = _rules(
    Kind.DRAWN,
    "plot scatter bar barh hist hist2d boxplot violinplot pie imshow contour contourf pcolormesh "
    "stem step fill_between errorbar text annotate legend grid axhline axvline axhspan axvspan "
    "hlines vlines set set_title set_xlabel set_ylabel set_xlim set_ylim set_xticks set_yticks "
    "set_xticklabels set_yticklabels set_xscale set_yscale set_axis_labels set_titles "
    "get_figure get_legend get_xlim get_ylim get_xticklabels tick_params twinx invert_yaxis "
    "invert_xaxis bar_label margins subplots_adjust tight_layout savefig suptitle "
    "autofmt_xdate add_subplot",
    limit=_ANY,
)
_DRAWN_ATTRIBUTES = _rules(Kind.DRAWN, "figure fig axes ax flat xaxis yaxis legend")

# --- all together

_MATH = _rules(
    Kind.SCALAR,
    "sqrt exp log log2 log10 log1p pow sin cos tan asin acos atan atan2 floor ceil trunc fabs "
    "factorial gcd hypot isnan isinf isfinite isclose degrees radians comb perm prod fsum copysign",
    _OWN,
)

FUNCTIONS: dict[str, Rules] = {
    "collections": _rules(Kind.MAPPING, "Counter/1 OrderedDict/1", _NEW),
    "math": _MATH,
    "matplotlib.pyplot": _PYPLOT,
    "numpy": _NUMPY,
    "numpy.linalg": _NUMPY_LINALG,
    "pandas": _PANDAS_FUNCTIONS,
    "polars": _POLARS_FUNCTIONS,
    "seaborn": _SEABORN,
    "time": _rules(Kind.SCALAR, "time perf_counter process_time monotonic", _OWN),
}
"""By module."""

METHODS: dict[Kind, Rules] = {
    Kind.SEQUENCE: _SEQUENCE,
    Kind.SET: _SET,
    Kind.MAPPING: _MAPPING,
    Kind.DEFAULTS: _rules(Kind.PLAIN, "get keys/0 values/0 items/0"),
    Kind.ARRAY: _ARRAY,
    Kind.PANDAS: _PANDAS,
    Kind.GROUPS: _GROUPS,
    Kind.PLOTTER: _PLOTTER,
    Kind.DRAWN: _DRAWN,
    Kind.POLARS: _POLARS,
    Kind.POLARS_GROUPS: _POLARS_GROUPS,
    Kind.LAZY: _LAZY,
    Kind.LAZY_GROUPS: _rules(Kind.LAZY, "agg/99 len/0"),
}

ATTRIBUTES: dict[Kind, Rules] = {
    Kind.ARRAY: _ARRAY_ATTRIBUTES,
    Kind.PANDAS: _PANDAS_ATTRIBUTES,
    Kind.GROUPS: _GROUPS_ATTRIBUTES,
    Kind.DRAWN: _DRAWN_ATTRIBUTES,
    Kind.POLARS: _POLARS_ATTRIBUTES,
}

SHALLOW_ATTRIBUTES = frozenset(
    {"shape", "ndim", "size", "empty", "nbytes", "itemsize", "dtype", "height", "width"}
)
"""Attributes that depend on nothing in an object that could have code."""

CHANGING_SOMEWHERE = frozenset(
    {
        "add", "append", "byteswap", "clear", "discard", "eval", "extend", "fill", "insert",
        "partition", "pop", "popitem", "put", "query", "remove", "resize", "reverse", "set",
        "setdefault", "setflags", "sort", "update",
    }
)  # fmt: skip
"""Names of methods with which one plain object changes, whatever they do to another."""

_SEVERAL = (Kind.SEQUENCE, Kind.SET, Kind.MAPPING, Kind.ARRAY, Kind.PANDAS, Kind.POLARS)
_TELLING = frozenset({Kind.GROUPS, Kind.INDEXER, Kind.ITERATOR, Kind.LAZY, Kind.POLARS_GROUPS})
"""Kinds that are the same whatever it is that gives them."""


def _of_any() -> tuple[Rules, Rules]:
    """What may be asked of a plain object whose type is not known: what only reads in all."""
    methods: Rules = {}
    for rules in (_TEXT, *(METHODS[kind] for kind in _SEVERAL)):
        for name, rule in rules.items():
            if name not in CHANGING_SOMEWHERE and rule.gives is not Kind.DRAWN:
                limit = min(rule.limit, methods[name].limit if name in methods else _ANY)
                gives = rule.gives if rule.gives in _TELLING else Kind.PLAIN
                methods[name] = Rule(gives, Sharing.EXISTING, limit)
    attributes: Rules = {}
    for kind in (Kind.ARRAY, Kind.PANDAS, Kind.POLARS):
        for name, rule in ATTRIBUTES[kind].items():
            same = rule.gives in _TELLING or rule.gives is Kind.ACCESSOR
            if rule.gives is not Kind.PLOTTER:
                attributes[name] = Rule(rule.gives if same else Kind.PLAIN)
    return methods, attributes


METHODS[Kind.PLAIN], ATTRIBUTES[Kind.PLAIN] = _of_any()
