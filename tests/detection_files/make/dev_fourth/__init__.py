"""A fourth part of `dev`, written before `inspect` had read it."""

from . import chats, other, pairs, sheets, surveys

FILES = sheets.FILES | surveys.FILES | pairs.FILES | chats.FILES | other.FILES
