"""Files made from a run. `REPORTERS` names every one; all but the first read only what the first has saved."""
